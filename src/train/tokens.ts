/** The tokenizer of a run: that of the model it starts from, else what its kind of model begins with. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FormatError, RequestError } from "../errors.ts";
import { parseTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import type { TrainConfig } from "./config.ts";
import { trained } from "./trained.ts";

/** The contents of its tokenizer.json, and the tokenizer. Throws RequestError (404) where there is none, FormatError where it does not fit the model. */
export function tokens({ from, model }: Pick<TrainConfig, "from" | "model">): { json: object; tokenizer: Tokenizer } {
  const json = from ? read(from) : trained(model).tokenizer();
  const name = from ? join(from, "tokenizer.json") : "the tokenizer";
  const tokenizer = parseTokenizer(json, name);
  const { vocabulary: vocab_size } = trained(model);
  if (tokenizer.size > vocab_size)
    throw new FormatError(`${name} has ${tokenizer.size} ids, the model's vocab_size is ${vocab_size}; raise it`);
  return { json, tokenizer };
}

function read(folder: string): object {
  if (!existsSync(folder)) throw new RequestError(`${folder}: no such folder; "from" names a model to start with`, 404);
  const path = join(folder, "tokenizer.json");
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const message = `${path}: cannot be read: ${(cause as Error).message}; "from" names a whole model folder`;
    throw new RequestError(message, 404);
  }
}
