/** The questions that can be asked of any page, and how a field is asked for. */

import type { Sheet } from "./canvas.ts";
import type { Question } from "./page.ts";
import type { Random } from "./random.ts";

/** A page laid out but not yet painted: the sheet, the values by name, and the questions of its kind. */
export interface Draft {
  sheet: Sheet;
  fields: Record<string, string>;
  questions: Question[];
}

/** Read everything; read two of the lines; how many lines there are. */
export function readings(lines: readonly string[], random: Random): Question[] {
  const all = random.pick(["Read all the text.", "Read all the text.", "What does it say?", "Read the text."]);
  const questions: Question[] = [{ kind: "read", question: all, answer: lines.join("\n") }];
  if (lines.length < 2) return questions;
  const numbers = random.sample(
    lines.map((_, i) => i + 1),
    2,
  );
  for (const n of numbers) questions.push({ kind: "line", question: `Read line ${n}.`, answer: lines[n - 1] });
  return questions;
}

/** One question for the value of a field, in one of several wordings. */
export function asked(random: Random, name: string, answer: string, wordings: readonly string[]): Question {
  return { kind: "field", name, question: random.pick(wordings), answer };
}

/** Questions for every field that the page has and that has wordings. */
export function askedFields(
  random: Random,
  fields: Record<string, string>,
  wordings: Record<string, readonly string[]>,
): Question[] {
  return Object.entries(fields)
    .filter(([name]) => wordings[name])
    .map(([name, value]) => asked(random, name, value, wordings[name]));
}

/** A yes/no question; `truth` tells which answer is right. */
export function yesno(question: string, truth: boolean): Question {
  return { kind: "yesno", question, answer: truth ? "yes" : "no" };
}
