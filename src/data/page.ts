/** What a drawn page is: its pixels and everything that is true of them. */

import type { Image } from "../vision/image.ts";

/** The kinds of page that `draw` knows. */
export type Kind =
  | "word"
  | "line"
  | "lines"
  | "block"
  | "receipt"
  | "invoice"
  | "letter"
  | "form"
  | "table"
  | "bar"
  | "chart-line"
  | "pie"
  | "card"
  | "tag"
  | "sign";

/** One printed character: centre and size in pixels of the final image, after every warp. */
export interface Glyph {
  char: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What is asked for: the text or a line of it, a field, a field that is not there, a sum or a number of things, a value of a chart or a table, a sentence
 *  about the page, yes or no. */
export const questionKinds = ["read", "line", "field", "absent", "sum", "count", "chart", "describe", "yesno"] as const;
type QuestionKind = (typeof questionKinds)[number];

/** A question about a page with its only right answer; `name` is the field asked for, where it is one, `shown` what is read off the page first, one after the other, where
 *  the answer follows from it and is not itself printed where it is asked for. */
export interface Question {
  kind: QuestionKind;
  name?: string;
  question: string;
  answer: string;
  shown?: readonly string[];
}

/** A page with its truth. `text` is `lines` joined by newlines; `glyphs` are its characters but blanks, in that order. */
export interface Page {
  kind: Kind;
  seed: number;
  image: Image;
  text: string;
  lines: string[];
  fields: Record<string, string>;
  glyphs: Glyph[];
  questions: Question[];
}

/** Which fonts may appear (the held-out ones are never trained on). */
export type FontSet = "train" | "heldout";

/** How to draw: `effects` from 0 (clean) to 1 (the worst photograph), 0.5 unless given. */
export interface DrawOptions {
  fonts?: FontSet;
  effects?: number;
  /** How often what can be asked of any page is asked, each time of something else: once unless given. */
  rounds?: number;
}
