/** The tokenizer of a published folder: its tokenizer.json, or one made of the older files. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FormatError, RequestError } from "../errors.ts";
import { type ByteFamily, blankRuns, fromVocabulary } from "../text/gpt2.ts";
import { fromSentencePiece } from "../text/sentencepiece.ts";
import type { AddedToken } from "../text/tokenizer-json.ts";
import { checked, fittingTokenizer, readJson } from "./models.ts";

/** The contents of a tokenizer.json for a vocabulary of `ids` ids: the folder's own, else from tokenizer.model, else from vocab.json and merges.txt, with the
 *  tokens that stand beside them. Throws RequestError (404) where there is none of them, FormatError for a damaged one or one too large. */
export function publishedTokenizer(folder: string, ids: number): object {
  for (const [file, read] of forms) {
    const path = join(folder, file);
    if (!existsSync(path)) continue;
    const json = read(folder, path);
    fittingTokenizer(json, path, ids);
    return json;
  }
  const names = forms.map(([file]) => file).join(", ");
  throw new RequestError(`${folder}: has no tokenizer: none of ${names} was found there`, 404);
}

/** The files that a tokenizer may be in, the first there is counts. */
const forms: readonly (readonly [file: string, read: (folder: string, path: string) => object])[] = [
  ["tokenizer.json", (_, path) => readJson(path) as object],
  [
    "tokenizer.model",
    (folder, path) => fromSentencePiece(readFileSync(path), path, [...beside(folder).added.values()]),
  ],
  ["vocab.json", bytePairs],
];

const addedTokens = z.record(z.string(), z.int().min(0));
const tokenizerConfig = z.object({
  tokenizer_class: z.string().optional(),
  added_tokens_decoder: z
    .record(
      z.string(),
      z.object({
        content: z.string(),
        special: z.boolean(),
        lstrip: z.boolean().optional(),
        rstrip: z.boolean().optional(),
      }),
    )
    .default({}),
});

/** The class that tokenizer_config.json names, and the tokens that stand beside a vocabulary. */
function beside(folder: string): { kind: string | undefined; added: Map<number, AddedToken> } {
  const read = <T>(file: string, schema: z.ZodType<T>): T | undefined =>
    existsSync(join(folder, file)) ? checked(schema, readJson(join(folder, file)), join(folder, file)) : undefined;
  const added = new Map<number, AddedToken>();
  // A run of blanks is text like any other.
  for (const [content, id] of Object.entries(read("added_tokens.json", addedTokens) ?? {}))
    added.set(id, { id, content, special: content.trim() !== "" });
  const config = read("tokenizer_config.json", tokenizerConfig);
  for (const [id, token] of Object.entries(config?.added_tokens_decoder ?? {}))
    added.set(Number(id), { ...token, id: Number(id) });
  return { kind: config?.tokenizer_class?.replace(/Fast$/, ""), added };
}

/** Classes of tokenizers whose vocabulary is made of bytes. */
const classes: Readonly<Record<string, ByteFamily>> = {
  GPT2Tokenizer: "gpt2",
  CodeGenTokenizer: "gpt2",
  Qwen2Tokenizer: "qwen2",
};

function bytePairs(folder: string, path: string): object {
  const merges = join(folder, "merges.txt");
  if (!existsSync(merges)) throw new RequestError(`${folder}: has vocab.json and no merges.txt; download it too`, 404);
  const { kind = "GPT2Tokenizer", added } = beside(folder);
  if (!Object.hasOwn(classes, kind))
    throw new FormatError(
      `${folder}: tokenizer_class is "${kind}"; vocab.json and merges.txt are read as ${Object.keys(classes).join(", ")}`,
    );
  const vocab = readJson(path);
  const runs = kind === "CodeGenTokenizer" && added.size === 0 ? blankRuns(Object.keys(vocab as object).length) : [];
  return fromVocabulary(classes[kind], vocab, readFileSync(merges, "utf8"), folder, [...added.values(), ...runs]);
}
