/** The questions that can be asked of any page, and how a field is asked for. */

import type { Sheet } from "./canvas.ts";
import type { Question } from "./page.ts";
import type { Random } from "./random.ts";

/** A page laid out but not yet painted: the sheet, the values by name, the questions of its kind, and others like them where there are many. */
export interface Draft {
  sheet: Sheet;
  fields: Record<string, string>;
  questions: Question[];
  more?: (random: Random) => Question[];
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

/** The question as most people type it, or in a hurry: without its last mark, in small letters. */
export function hasty(question: string, random: Random): string {
  if (!random.chance(0.15)) return question;
  const small = question[0].toLowerCase() + question.slice(1);
  return random.chance(0.6) ? small.replace(/[?.]$/, "") : small;
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

/** A yes/no question; `truth` tells which answer is right, `shown` what is read off the page to tell, where something is. */
export function yesno(question: string, truth: boolean, ...shown: (string | undefined)[]): Question {
  const read = shown.filter((words) => words !== undefined);
  return { kind: "yesno", question, answer: truth ? "yes" : "no", ...(read.length && { shown: read }) };
}

/** Whether something is on the page, of which `value` is what is printed. */
export const isThere = (question: string, value: string | undefined): Question =>
  yesno(question, value !== undefined, value);

/** Whether a value is above or below a round number, which is near it and as often the one as the other. */
export function threshold(random: Random, noun: string, value: number, shown: string | undefined): Question {
  const above = random.chance(0.5);
  const wanted = value * (above ? random.real(0.3, 0.85) : random.real(1.15, 3));
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, wanted))) - 1);
  const limit = Math.max(1, Math.round(wanted / unit) * unit);
  const under = random.chance(0.35);
  const word = under ? random.pick(["below", "less than", "under"]) : random.pick(["above", "more than", "over"]);
  return yesno(`Is the ${noun} ${word} ${limit}?`, under ? value < limit : value > limit, shown);
}
