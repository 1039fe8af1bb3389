/** What a model reads of documents that Galago draws: pages of seeds and of fonts that no training saw. */
import { draw } from "../data/draw.ts";
import type { FontSet, Kind, Page, Question } from "../data/page.ts";
import { Random } from "../data/random.ts";
import { firstHeldOutSeed } from "../data/seeds.ts";
import type { AnswerRecord, SightOptions } from "../run/answer.ts";
import type { Model } from "../run/model.ts";
import type { Judged } from "./confidence.ts";
import { calibrationError, characterErrorRate, exact } from "./metrics.ts";

/** One row of the report: which questions about which pages, and how they are scored. */
interface Task {
  name: string;
  /** "exact": share of right answers; "cer": character error rate. */
  score: "exact" | "cer";
  kinds: readonly Kind[];
  asks(page: Page): Question[];
  effects: number;
}

const of = (page: Page, ...wanted: Question["kind"][]): Question[] =>
  page.questions.filter(({ kind }) => wanted.includes(kind));
const first = (questions: Question[]): Question[] => questions.slice(0, 1);
/** Two of the questions, the same of a page every time. */
const two = (page: Page, ...wanted: Question["kind"][]): Question[] =>
  new Random("two questions", page.seed).sample(of(page, ...wanted), 2);

/** The fields that a receipt's or an invoice's reader is asked for. */
const fields = ["total", "date", "company", "number", "subtotal", "tax", "cash", "change"];

const tasks: readonly Task[] = [
  {
    name: "receipt total",
    score: "exact",
    kinds: ["receipt"],
    effects: 0.3,
    asks: (p) => first(of(p, "field").filter((q) => q.name === "total")),
  },
  {
    name: "receipt and invoice fields",
    score: "exact",
    kinds: ["receipt", "invoice"],
    effects: 0.3,
    asks: (p) => of(p, "field").filter((q) => fields.includes(q.name ?? "")),
  },
  { name: "clean line", score: "cer", kinds: ["line"], effects: 0, asks: (p) => first(of(p, "read")) },
  { name: "worn line", score: "cer", kinds: ["line"], effects: 0.4, asks: (p) => first(of(p, "read")) },
  { name: "whole receipt", score: "cer", kinds: ["receipt"], effects: 0.3, asks: (p) => first(of(p, "read")) },
  {
    name: "charts and tables",
    score: "exact",
    kinds: ["bar", "pie", "table", "chart-line"],
    effects: 0.3,
    asks: (p) => two(p, "chart", "sum", "count"),
  },
  {
    name: "yes or no",
    score: "exact",
    kinds: ["receipt", "form", "table", "bar", "invoice", "letter", "card", "tag"],
    effects: 0.3,
    asks: (p) => two(p, "yesno"),
  },
  {
    name: "not on the page",
    score: "exact",
    kinds: ["receipt", "invoice", "letter", "form"],
    effects: 0.3,
    asks: (p) => first(of(p, "absent")),
  },
];

/** Most tokens of a page that is read: one a character, where bytes are tokens. */
const longestReading = 1000;

/** The names of the tasks. */
export const taskNames: readonly string[] = tasks.map(({ name }) => name);

export interface Row {
  task: string;
  score: "exact" | "cer";
  value: number;
  questions: number;
  pages: number;
  /** Milliseconds a question, the image included. */
  ms: number;
  visual_tokens: number;
  visual_tokens_kept: number;
  /** Expected calibration error of the answers' confidence, or of their mean token probability where the model tells none; exact scores only. */
  calibration: number | null;
  /** Share of the questions to which the model said that it cannot read the answer. */
  unread: number;
}

export interface SynthOptions {
  /** Pages of each task. */
  count: number;
  sight?: SightOptions;
  tasks?: readonly string[];
  /** Fonts and first seed of the pages. Default: those that no training sees. */
  fonts?: FontSet;
  firstSeed?: number;
  /** Told of every answer that is right or wrong, be it held back or not. */
  onJudged?: (judged: Judged) => void;
  onPage?: (task: string, done: number) => void;
  signal?: AbortSignal;
}

interface Asked {
  page: number;
  question: string;
  truth: string;
  record: AnswerRecord;
  ms: number;
}

/** The pages of a task with what is asked about each. They depend on the task's number and the page's alone. */
export function* taskPages(
  name: string,
  { count, fonts = "heldout", firstSeed = firstHeldOutSeed }: Pick<SynthOptions, "count" | "fonts" | "firstSeed">,
): Generator<{ page: Page; questions: Question[] }> {
  const number = tasks.findIndex((task) => task.name === name);
  const { kinds, effects, asks } = tasks[number];
  for (let i = 0; i < count; i++) {
    const page = draw(kinds[i % kinds.length], firstSeed + number * 1_000_000 + i, { fonts, effects });
    yield { page, questions: asks(page) };
  }
}

/** Every task over `count` pages. */
export async function evalSynth(model: Model, options: SynthOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const task of tasks) {
    if (options.tasks && !options.tasks.includes(task.name)) continue;
    const asked: Asked[] = [];
    let done = 0;
    for (const { page, questions } of taskPages(task.name, options)) {
      for (const question of questions) asked.push(await ask(model, page, question, done, options));
      options.onPage?.(task.name, ++done);
    }
    if (task.score === "exact") for (const answer of asked) options.onJudged?.(judgedOf(answer));
    rows.push(row(task, asked, options.count));
  }
  return rows;
}

async function ask(
  model: Model,
  page: Page,
  { kind, question, answer }: Question,
  number: number,
  options: SynthOptions,
): Promise<Asked> {
  const began = performance.now();
  const asked = {
    images: [{ name: `page ${number}`, image: page.image }],
    messages: [{ role: "user" as const, content: question }],
  };
  // A page may hold more than a model answers of its own accord.
  const maxTokens = kind === "read" ? longestReading : undefined;
  const answering = model.answer(asked, { temperature: 0, maxTokens, ...options.sight }, options.signal);
  for (;;) {
    const { done, value } = await answering.next();
    if (done) return { page: number, question, truth: answer, record: value, ms: performance.now() - began };
  }
}

/** What the model thought the answer to be, and whether it is. */
const judgedOf = ({ record, truth }: Asked): Judged => ({
  logP: record.log_probability,
  right: exact(record.guess ?? record.answer, truth),
});

function row({ name, score }: Task, asked: readonly Asked[], pages: number): Row {
  const mean = (f: (a: Asked) => number): number => asked.reduce((sum, a) => sum + f(a), 0) / Math.max(1, asked.length);
  const right = (a: Asked): boolean => exact(a.record.answer, a.truth);
  const readings = asked.map(({ record, truth }) => ({ answer: record.answer, truth }));
  const judged = asked.map((a) => ({
    probability: a.record.confidence ?? a.record.probability ?? 0,
    right: judgedOf(a).right,
  }));
  return {
    task: name,
    score,
    value: score === "exact" ? mean((a) => +right(a)) : characterErrorRate(readings),
    questions: asked.length,
    pages,
    ms: mean((a) => a.ms),
    visual_tokens: mean((a) => a.record.usage.visual_tokens),
    visual_tokens_kept: mean((a) => a.record.usage.visual_tokens_kept),
    calibration: score === "exact" ? calibrationError(judged) : null,
    unread: mean((a) => +(a.record.guess !== null)),
  };
}
