/** One page of any kind from a seed: the same kind, seed and options give the same pixels and the same truth. */

import { RequestError } from "../errors.ts";
import { anyPage } from "./any-page.ts";
import { card } from "./card.ts";
import { bar, lineChart, pie } from "./charts.ts";
import { form } from "./form.ts";
import { invoice } from "./invoice.ts";
import { letter } from "./letter.ts";
import { block, line, lines, word } from "./lines.ts";
import type { DrawOptions, FontSet, Kind, Page, Question } from "./page.ts";
import { type Draft, hasty, readings } from "./questions.ts";
import { Random } from "./random.ts";
import { receipt } from "./receipt.ts";
import { render } from "./render.ts";
import { sign } from "./sign.ts";
import { table } from "./table.ts";
import { tag } from "./tag.ts";

/** Lays a page out: all that is random about its content comes from the stream. */
type Layout = (random: Random, fonts: FontSet) => Draft;

/** Every kind of page and how it is laid out: the only list. */
const layouts: Record<Kind, Layout> = {
  word,
  line,
  lines,
  block,
  receipt,
  invoice,
  letter,
  form,
  table,
  bar,
  "chart-line": lineChart,
  pie,
  card,
  tag,
  sign,
};

/** All kinds of page, simplest first. */
export const kinds: readonly Kind[] = Object.keys(layouts) as Kind[];

/** The page before it is painted, with all that is asked about it. */
export function laidOut(kind: Kind, seed: number, fonts: FontSet, rounds = 1): Draft {
  const draft = layouts[kind](new Random(`${kind} content`, seed), fonts);
  const asking = new Random(`${kind} questions`, seed);
  const once = [...readings(draft.sheet.lines, asking), ...draft.questions, ...anyPage(kind, draft, asking)];
  const questions = once.map((q) => ({ ...q, question: hasty(q.question, asking) }));
  return { ...draft, questions: [...questions, ...again(kind, draft, asking, questions, rounds)] };
}

/** What further rounds ask that was not asked before; the page is described once. */
function again(kind: Kind, draft: Draft, random: Random, before: readonly Question[], rounds: number): Question[] {
  const known = new Set(before.map(({ question }) => question));
  const more = Array.from({ length: rounds - 1 }, () => [
    ...(draft.more?.(random) ?? []),
    ...anyPage(kind, draft, random),
  ]).flat();
  return more.filter((q) => {
    const fresh = q.kind !== "describe" && !known.has(q.question);
    known.add(q.question);
    return fresh;
  });
}

/** Draws a page. Throws RequestError for an unknown kind, a seed that is no integer and effects outside 0..1. */
export function draw(kind: Kind, seed: number, { fonts = "train", effects = 0.5, rounds = 1 }: DrawOptions = {}): Page {
  if (!layouts[kind]) throw new RequestError(`draw: no kind "${kind}"; there are ${kinds.join(", ")}`);
  if (!Number.isSafeInteger(seed)) throw new RequestError(`draw: seed is ${seed}, expected an integer`);
  if (!(effects >= 0 && effects <= 1)) throw new RequestError(`draw: effects is ${effects}, expected 0 to 1`);
  const { sheet, fields, questions } = laidOut(kind, seed, fonts, rounds);
  const { image, glyphs } = render(sheet, new Random(`${kind} looks`, seed), effects);
  return { kind, seed, image, text: sheet.lines.join("\n"), lines: sheet.lines, fields, glyphs, questions };
}
