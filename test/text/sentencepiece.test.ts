/** SentencePiece models against the ids of the SentencePiece library itself. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { fromSentencePiece } from "../../src/text/sentencepiece.ts";
import { parseTokenizer } from "../../src/text/tokenizer.ts";
import { golden } from "../support/altered.ts";

interface Case {
  text: string;
  ids: number[];
  decoded: string;
}
const file = (name: string): Uint8Array => readFileSync(`${golden("tokenizer_sp")}/${name}`);
const cases = JSON.parse(new TextDecoder().decode(file("cases.json"))) as Record<string, Case[]>;

describe.each(Object.entries(cases))("with %s prefix", (name, list) => {
  const bytes = file(`tiny_${name}.model`);
  const tokenizer = parseTokenizer(fromSentencePiece(bytes, name), name);

  test.each(list.map((c) => [JSON.stringify(c.text), c] as const))("%s", (_, { text, ids, decoded }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  });
});

const bytes = file("tiny_nodummy.model");

test("tokens on top take their ids, also from a piece of the model, and split the text around them", () => {
  const added = [
    { id: 699, content: "<|im_end|>", special: true },
    { id: 700, content: "<img>", special: false },
  ];
  const bare = parseTokenizer(fromSentencePiece(bytes, "bare"), "bare");
  const tokenizer = parseTokenizer(fromSentencePiece(bytes, "more", added), "more");
  expect(tokenizer.size).toBe(701);
  expect(tokenizer.encode("the<|im_end|>the<img>")).toEqual([...bare.encode("the"), 699, ...bare.encode("the"), 700]);
  expect(tokenizer.decode([699, 700])).toBe("<img>");
});

test("any text comes back from its ids", () => {
  const tokenizer = parseTokenizer(fromSentencePiece(bytes, "tiny"), "tiny");
  fc.assert(
    // The mark of a space cannot be told from a space.
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
      const plain = text.replaceAll("▁", "_");
      expect(tokenizer.decode(tokenizer.encode(plain))).toBe(plain);
    }),
  );
});

test.each([
  ["an empty file", new Uint8Array(), /tiny: is no SentencePiece model: it holds no piece/],
  ["half a file", bytes.subarray(0, 5000), /tiny: is no SentencePiece model \(/],
  ["a unigram model", changed([0x18, 2, 0x20], [0x18, 1, 0x20]), /tiny: model type 1, .* expected BPE/],
  ["a model that drops spaces", changed([0x20, 0], [0x20, 1]), /tiny: normalises text before it segments it/],
])("%s is refused", (_, damaged, message) => {
  expect(() => fromSentencePiece(damaged, "tiny")).toThrow(FormatError);
  expect(() => fromSentencePiece(damaged, "tiny")).toThrow(message);
});

/** The model with the last occurrence of some bytes replaced. */
function changed(from: readonly number[], to: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = Buffer.from(copy).lastIndexOf(Buffer.from(from));
  copy.set(to, at);
  return copy;
}
