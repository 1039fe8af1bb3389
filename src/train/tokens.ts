/** The tokenizer of a run: that of the model it starts from, else bytes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FormatError, RequestError } from "../errors.ts";
import { byteTokenizer } from "../text/bytes.ts";
import { parseTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import type { TrainConfig } from "./config.ts";

/** The contents of its tokenizer.json, and the tokenizer. Throws RequestError where it cannot be read, FormatError where it does not fit the model. */
export function tokens({ from, model }: Pick<TrainConfig, "from" | "model">): { json: object; tokenizer: Tokenizer } {
  const path = from && join(from, "tokenizer.json");
  const json = path ? read(path) : byteTokenizer();
  const tokenizer = parseTokenizer(json, path ?? "tokenizer.json");
  const { vocab_size } = model.llm_config;
  if (tokenizer.size > vocab_size)
    throw new FormatError(
      `${path ?? "the byte tokenizer"} has ${tokenizer.size} ids, the model's vocab_size is ${vocab_size}; raise it`,
    );
  return { json, tokenizer };
}

function read(path: string): object {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new RequestError(`${path}: cannot be read: ${(cause as Error).message}; "from" wants a model folder`);
  }
}
