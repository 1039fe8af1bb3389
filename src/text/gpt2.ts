/** Byte-level BPE as GPT-2 (Radford 2019), CodeGen and Qwen2 publish it, vocab.json and merges.txt, as a tokenizer.json. */
import { z } from "zod";
import { FormatError } from "../errors.ts";
import { byteAlphabet, byteLevel, bytesOnly, wordsOfBytes } from "./bytes.ts";
import type { AddedToken } from "./tokenizer-json.ts";

/** How a family cuts text into words before it joins bytes. */
const families: Readonly<Record<ByteFamily, { normalizer: object | null; preTokenizer: object }>> = {
  gpt2: { normalizer: null, preTokenizer: wordsOfBytes },
  qwen2: {
    normalizer: { type: "NFC" },
    preTokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: {
            Regex:
              "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
          },
          behavior: "Isolated",
          invert: false,
        },
        bytesOnly,
      ],
    },
  },
};
/** Phi-2's tokenizer is CodeGen's, which cuts as GPT-2 does. */
export type ByteFamily = "gpt2" | "qwen2";

/** The token that ends every text of these families. */
const end = "<|endoftext|>";

const vocabulary = z.record(z.string(), z.int().min(0));

/** The contents of a tokenizer.json that segments as vocab.json (parsed) and merges.txt do, with more tokens on top. `name`: their folder.
 *  Throws FormatError where the two do not belong together or a byte has no token. */
export function fromVocabulary(
  family: ByteFamily,
  vocabJson: unknown,
  mergesText: string,
  name: string,
  added: readonly AddedToken[] = [],
): object {
  const parsed = vocabulary.safeParse(vocabJson);
  if (!parsed.success) throw new FormatError(`${name}/vocab.json: is no vocabulary; expected { "token": id }`);
  const vocab = parsed.data;
  const lost = byteAlphabet.filter((character) => !Object.hasOwn(vocab, character));
  if (lost.length)
    throw new FormatError(`${name}/vocab.json: has no token for ${lost.length} of the 256 bytes; take the model's own`);
  const own = Object.hasOwn(vocab, end) ? [{ id: vocab[end], content: end, special: true }] : [];
  const others = own.filter(({ id }) => added.every((token) => token.id !== id));
  return byteLevel({
    ...families[family],
    added: [...others, ...added],
    vocab,
    merges: pairs(mergesText, vocab, name),
  });
}

/** The pairs of merges.txt, best first, below a line that says its version. */
function pairs(text: string, vocab: Readonly<Record<string, number>>, name: string): [string, string][] {
  return text.split("\n").flatMap((line, i): [string, string][] => {
    if (line === "" || (i === 0 && line.startsWith("#version"))) return [];
    const [left, right, ...more] = line.trimEnd().split(" ");
    if (right === undefined || more.length || !Object.hasOwn(vocab, left + right))
      throw new FormatError(
        `${name}/merges.txt: line ${i + 1} is ${JSON.stringify(line.slice(0, 80))}; expected two parts of a token of vocab.json`,
      );
    return [[left, right]];
  });
}

/** CodeGen's tokens for runs of 31 to 2 spaces, then of 9 to 2 tabs, from id `first` on (Nijkamp 2022): they are taken out of a text, the longest
 *  first, before it is segmented. */
export function blankRuns(first: number): AddedToken[] {
  const runs = [
    ...Array.from({ length: 30 }, (_, i) => " ".repeat(31 - i)),
    ...Array.from({ length: 8 }, (_, i) => "\t".repeat(9 - i)),
  ];
  return runs.map((content, i) => ({ id: first + i, content, special: false }));
}
