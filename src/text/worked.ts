/** Answers that follow from what is read off a page first: U+001E before each reading, U+001F before the answer. A small model that has read two values
 *  can compare them or add them up, where one that must say "yes" at once has to do all that between two tokens (arXiv 2201.11903). */
import { character, type Grammar, many, maybe, repeat, sequence, word } from "./grammar.ts";

const [reading, concluding] = ["\u001e", "\u001f"];

/** What stands before an answer, in order: marks of one byte, and words that are read off the page. */
export const workings = (shown: readonly string[]): { text: string; mark: boolean }[] =>
  shown.length
    ? [
        ...shown.flatMap((words) => [
          { text: reading, mark: true },
          { text: words, mark: false },
        ]),
        { text: concluding, mark: true },
      ]
    : [];

/** What a model is taught to write. */
export const worked = (answer: string, shown: readonly string[]): string =>
  workings(shown)
    .map(({ text }) => text)
    .join("") + answer;

/** What may stand before an answer that is held to a grammar. */
export function readings(): Grammar {
  const words = many(
    character([
      [0x20, 0xd7ff],
      [0xe000, 0x10ffff],
    ]),
  );
  return maybe(sequence(repeat(sequence(word(reading), words), 1, Number.POSITIVE_INFINITY), word(concluding)));
}

/** A text that may begin with readings, in pieces: `push` returns what is certain to be answer, `shown` what was read so far. Cut before its answer, a text has none. */
export interface WorkedStream {
  push(text: string): string;
  readonly shown: readonly string[];
}

/** The answer in what a model wrote. */
export const concluded = (text: string): string => workedStream().push(text);

export function workedStream(): WorkedStream {
  let read = "";
  let answering = false;
  return {
    push(text) {
      if (answering || !text) return text;
      read += text;
      const reads = read.startsWith(reading);
      const end = reads ? read.indexOf(concluding) : 0;
      if (end < 0) return "";
      const answer = read.slice(reads ? end + 1 : 0);
      read = read.slice(0, end);
      answering = true;
      return answer;
    },
    get shown() {
      return read.split(reading).slice(1);
    },
  };
}
