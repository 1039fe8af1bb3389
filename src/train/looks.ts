/** Where the characters of an answer are printed, so that a head of attention can be taught to look there. */
import type { TrainingPage } from "./pages.ts";

/** No glyph. */
export const nowhere = -1;

/** The number of the glyph at each character of a text from which glyphs are numbered; at a blank that of the next. */
function numbers(characters: readonly string[]): number[] {
  let next = 0;
  return characters.map((char) => (char.trim() === "" ? next : next++));
}

/** For each byte of `words` the number of the glyph that shows it, at blanks the next one; nowhere where the page does not hold the words, or in several places. */
export function glyphsOf({ text, glyphs }: Pick<TrainingPage, "text" | "glyphs">, words: string): number[] {
  const characters = [...words];
  const bytes = characters.map((char) => Buffer.byteLength(char));
  const first = onlyPlace(text, words);
  const all = numbers(characters).map((i) => (first === undefined ? nowhere : first + i));
  return all.flatMap((number, i) => Array(bytes[i]).fill(number < glyphs.length ? number : nowhere));
}

/** The same of what is read off the page before an answer: a label and its value, which may stand apart. */
export function glyphsRead(page: Pick<TrainingPage, "text" | "glyphs">, words: string): number[] {
  const together = glyphsOf(page, words);
  if (together.some((glyph) => glyph !== nowhere)) return together;
  return words.split(" ").flatMap((word, i) => [...(i ? [nowhere] : []), ...glyphsOf(page, word)]);
}

/** How many glyphs stand before the only place of the words in a text; undefined where there is none or more than one. As part of a longer word or number they do not count. */
function onlyPlace(text: string, words: string): number | undefined {
  const literal = words.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const found = [...text.matchAll(new RegExp(`(?<![\\p{L}\\p{N}.,])${literal}(?![\\p{L}\\p{N}]|[.,]\\p{N})`, "gu"))];
  if (found.length !== 1 || !words.trim()) return undefined;
  return text.slice(0, found[0].index).replace(/\s/g, "").length;
}
