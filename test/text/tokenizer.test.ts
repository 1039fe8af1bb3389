import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { byteAlphabet, byteTokenizer } from "../../src/text/bytes.ts";
import { parseTokenizer } from "../../src/text/tokenizer.ts";

const tokenizer = parseTokenizer(byteTokenizer(), "tokenizer.json");
const text = fc.string({ unit: "binary", maxLength: 60 });

describe("the byte tokenizer", () => {
  test("has the special tokens first, then every byte once: 264 ids", () => {
    const specials = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"];
    expect(specials.map((token) => tokenizer.id(token))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(tokenizer.size).toBe(264);
    expect(new Set(byteAlphabet).size).toBe(256);
  });

  test("writes bytes with the characters that GPT-2 gave them", () => {
    const known = {
      0: "\u0100",
      10: "\u010a",
      32: "\u0120",
      33: "!",
      126: "~",
      127: "\u0121",
      173: "\u0143",
      255: "\u00ff",
    };
    for (const [byte, character] of Object.entries(known)) expect(byteAlphabet[Number(byte)]).toBe(character);
  });

  test("encodes any text to its UTF-8 bytes, and decodes it to itself", () => {
    fc.assert(
      fc.property(text, (whole) => {
        const ids = tokenizer.encode(whole);
        expect(ids).toEqual(Array.from(new TextEncoder().encode(whole), (byte) => byte + 8));
        expect(tokenizer.decode(ids)).toBe(whole);
      }),
    );
  });

  test.each([
    ["<|im_start|>a<|im_end|>", [3, 105, 4]],
    ["<img></img>", [5, 6]],
    ["<IMG_CONTEXT><IMG_CONTEXT> ", [7, 7, 40]],
    ["<s", [68, 123]],
    ["\n <s>\n", [18, 40, 1, 18]],
    ["", []],
  ])("%j is split on its special tokens and nowhere else", (whole, ids) => {
    expect(tokenizer.encode(whole)).toEqual(ids);
  });

  test("spells special tokens where it is asked to", () => {
    expect(tokenizer.spelled([3, 8 + 0xc3, 8 + 0xa9, 4, 264])).toBe("<|im_start|>é<|im_end|>");
  });

  test("gives the bytes of an id; special tokens and ids beyond the vocabulary have none", () => {
    expect([...tokenizer.bytes(8 + 0xe9)]).toEqual([0xe9]);
    for (const id of [0, 4, 7, 264, 1e6]) expect(tokenizer.bytes(id)).toHaveLength(0);
    expect(tokenizer.decode([3, 8 + 65, 4, 300])).toBe("A");
  });
});

/** A small sentencepiece-like vocabulary with byte fallback, as converted Llama models have it. */
const pieces = [
  "<unk>",
  "<s>",
  "</s>",
  ...Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`),
  "\u2581",
  "a",
  "b",
  "ab",
  "\u2581ab",
];
const sentencePiece = {
  added_tokens: [
    { id: 2, content: "</s>", special: true },
    { id: 264, content: "<note>", special: false, normalized: false },
  ],
  normalizer: { type: "Replace", pattern: { String: " " }, content: "\u2581" },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "\u2581" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
    ],
  },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    byte_fallback: true,
    vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    merges: ["a b", "\u2581 ab"],
  },
};

describe("a sentencepiece-like vocabulary", () => {
  const tokenizer = parseTokenizer(sentencePiece, "tokenizer.json");

  test("falls back to bytes and takes U+2581 for a space", () => {
    expect(tokenizer.encode("ab ab")).toEqual([262, 263]);
    expect([...tokenizer.bytes(263)]).toEqual([0x20, 0x61, 0x62]);
    expect(tokenizer.encode("é")).toEqual([3 + 0xc3, 3 + 0xa9]);
    expect([...tokenizer.bytes(3 + 0xc3)]).toEqual([0xc3]);
    expect([tokenizer.size, tokenizer.bytes(2).length]).toEqual([265, 0]);
  });

  test("keeps added tokens that are not special as they are written", () => {
    expect(tokenizer.encode("a<note>")).toEqual([260, 264]);
    expect(new TextDecoder().decode(tokenizer.bytes(264))).toBe("<note>");
  });

  test("the joined bytes of the ids are the text", () => {
    fc.assert(
      fc.property(text, (whole) => {
        fc.pre(!whole.includes("\u2581"));
        const ids = tokenizer.encode(whole);
        expect(Buffer.concat(ids.map((id) => tokenizer.bytes(id))).toString()).toBe(whole);
        expect(tokenizer.decode(ids)).toBe(whole);
      }),
    );
  });
});

describe("LLaMA's forms put a space in front", () => {
  const prepended = {
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "\u2581" },
        { type: "Replace", pattern: { String: " " }, content: "\u2581" },
      ],
    },
    decoder: {
      type: "Sequence",
      decoders: [...sentencePiece.decoder.decoders, { type: "Strip", content: " ", start: 1, stop: 0 }],
    },
  };
  const metaspace = {
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "\u2581", prepend_scheme: "first", split: false },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "ByteFallback" },
        { type: "Metaspace", replacement: "\u2581", prepend_scheme: "first", split: false },
        { type: "Fuse" },
      ],
    },
  };
  const template = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
  };
  const pairs = [["a", "b"], "\u2581 ab".split(" ")];
  const model = { ...sentencePiece.model, merges: pairs };
  test.each([
    ["to every piece between added tokens", prepended, [263, 264, 263]],
    ["to the first piece alone", metaspace, [263, 264, 262]],
  ])("%s", (_, form, ids) => {
    const tokenizer = parseTokenizer({ ...sentencePiece, ...form, model, post_processor: template }, "tokenizer.json");
    expect(tokenizer.encode("ab<note>ab")).toEqual(ids);
    expect(tokenizer.decode([263, 263])).toBe("ab ab");
    expect(tokenizer.encode("é")).toEqual([259, 3 + 0xc3, 3 + 0xa9]);
    fc.assert(
      fc.property(fc.stringMatching(/^[ab é\n]{1,20}$/), (whole) => {
        fc.pre(!whole.startsWith(" "));
        const given = tokenizer.encode(whole);
        expect(tokenizer.decode(given)).toBe(whole);
        // A stream begins with that space; who shows it drops it.
        expect(Buffer.concat(given.map((id) => tokenizer.bytes(id))).toString()).toBe(` ${whole}`);
      }),
    );
  });
});

describe("what is no tokenizer.json is refused with the file's name", () => {
  const byte = byteTokenizer() as { model: object };
  test.each<[string, unknown, RegExp]>([
    ["nothing", null, /^t.json: no tokenizer.json: the whole/],
    ["no model", { added_tokens: [] }, /^t.json: no tokenizer.json: model/],
    ["an id beyond memory", { ...byte, added_tokens: [{ id: 4e9, content: "x" }] }, /added_tokens.0.id/],
    ["a negative id", { ...byte, model: { ...byte.model, vocab: { a: -1 } } }, /model.vocab/],
    ["a model of an unknown kind", { ...byte, model: { ...byte.model, type: "Magic", vocab: { a: 0 } } }, /model.type/],
    ["no merges", { ...byte, model: { type: "BPE", vocab: { a: 0 } } }, /cannot be built/],
    [
      "WordPiece",
      { ...byte, pre_tokenizer: null, decoder: { type: "WordPiece" } },
      /decoder is "WordPiece"; expected ByteLevel/,
    ],
  ])("%s", (_, json, message) => {
    expect(() => parseTokenizer(json, "t.json")).toThrow(FormatError);
    expect(() => parseTokenizer(json, "t.json")).toThrow(message);
  });

  test("a token that a model needs and the vocabulary lacks is named", () => {
    expect(() => tokenizer.id("<quad>")).toThrow(/tokenizer.json: no token "<quad>"/);
  });
});
