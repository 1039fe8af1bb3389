/** The vocabulary of a model of scenes: bytes, and the words of what is said about scenes, each one token. A language model of a few layers learns what
 *  follows what among words long before it has learned to spell them, and a box is 9 tokens instead of 18. */
import { Random } from "../data/random.ts";
import { sceneTruth } from "../data/scene.ts";
import { described, sceneQuestion, sceneTasks } from "../data/scene-talk.ts";
import { FormatError } from "../errors.ts";
import { byteAlphabet, byteLevel, byteTokenizer, wordsOfBytes } from "../text/bytes.ts";
import { prompt } from "../text/template.ts";
import { chatTemplate } from "../text/templates.ts";
import { endMark, sceneTemplate } from "./scene-sample.ts";

/** Scenes whose texts are counted. */
const counted = 1500;

/** How GPT-2 cuts a text before it looks for pairs (Radford 2019). */
const cuts = /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** The contents of a tokenizer.json of at most `ids` ids. Throws FormatError where that is too few for a word to be one token. */
export function sceneTokenizer(ids: number): object {
  const base = byteTokenizer() as {
    added_tokens: { id: number; content: string; special: boolean }[];
    model: { vocab: Record<string, number> };
  };
  const vocab = { ...base.model.vocab };
  const merges = pairs(wordCounts(), ids - Object.keys(vocab).length, ids);
  for (const [left, right] of merges) vocab[left + right] ??= Object.keys(vocab).length;
  return byteLevel({ added: base.added_tokens, vocab, merges, normalizer: null, preTokenizer: wordsOfBytes });
}

/** How often each word occurs in the texts of the first scenes; every number of a box and every word of a description at least once. */
function wordCounts(): Map<string, number> {
  const counts = new Map<string, number>();
  const count = (text: string): void => {
    for (const [word] of text.matchAll(cuts)) counts.set(word, (counts.get(word) ?? 0) + 1);
  };
  for (let n = 0; n < 100; n++) count(`${n}`);
  const template = chatTemplate(sceneTemplate);
  for (let seed = 0; seed < counted; seed++) {
    const truth = sceneTruth(seed);
    const random = new Random("vocabulary", seed);
    for (const word of described(truth)) count(word);
    for (const task of sceneTasks) {
      const asked = sceneQuestion(task, truth, random);
      if (!asked) continue;
      const messages = [{ role: "user" as const, content: `<image>\n${asked.question}` }];
      for (const piece of prompt(messages, { template, imageTokens: [1] }).split(/<s>|<ImageHere>/)) count(piece);
      count(asked.answer + endMark);
    }
  }
  return counts;
}

/** The pairs that join, the most frequent first (Sennrich 2016), until every word is one. */
function pairs(counts: ReadonlyMap<string, number>, most: number, ids: number): [string, string][] {
  const words = [...counts].map(([word, count]) => ({
    pieces: [...new TextEncoder().encode(word)].map((byte) => byteAlphabet[byte]),
    count,
  }));
  const merges: [string, string][] = [];
  for (;;) {
    const tally = new Map<string, number>();
    for (const { pieces, count } of words)
      for (let i = 1; i < pieces.length; i++) {
        const pair = `${pieces[i - 1]} ${pieces[i]}`;
        tally.set(pair, (tally.get(pair) ?? 0) + count);
      }
    if (!tally.size) return merges;
    const [best] = [...tally].reduce((a, b) => (b[1] > a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a));
    if (merges.length === most)
      throw new FormatError(`the words of scenes need more than the ${ids} ids of vocab_size; raise it`);
    const [left, right] = best.split(" ");
    merges.push([left, right]);
    for (const word of words) word.pieces = joined(word.pieces, left, right);
  }
}

function joined(pieces: readonly string[], left: string, right: string): string[] {
  const result: string[] = [];
  for (const piece of pieces)
    if (piece === right && result.at(-1) === left) result[result.length - 1] = left + right;
    else result.push(piece);
  return result;
}
