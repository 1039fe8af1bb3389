/** What a model makes of simple scenes that no training saw: captions, questions of words, and boxes. */
import { Random } from "../data/random.ts";
import { type Scene, scene } from "../data/scene.ts";
import {
  type QuestionName,
  questionNames,
  type SceneQuestion,
  type SceneTask,
  sceneQuestion,
} from "../data/scene-talk.ts";
import { firstHeldOutSeed } from "../data/seeds.ts";
import type { Model } from "../run/model.ts";
import { type Box, boxesIn, type PhraseBox } from "../text/boxes.ts";
import type { Size } from "../vision/image.ts";
import { exact } from "./metrics.ts";

/** How an answer is scored, from 0 to 1: word for word; the phrases of a caption that are right; boxes that overlap the true ones by half under the right words. */
export type SceneScore = "exact" | "phrases" | "boxes";

/** One row of the report. */
interface Row {
  name: string;
  score: SceneScore;
  task: SceneTask;
  about?: QuestionName;
}

const rows: readonly Row[] = [
  { name: "caption", score: "phrases", task: "caption" },
  { name: "description", score: "phrases", task: "detail" },
  { name: "questions without a tag", score: "exact", task: "plain" },
  ...questionNames.map((about): Row => ({ name: about, score: "exact", task: "vqa", about })),
  { name: "refer", score: "boxes", task: "refer" },
  { name: "identify", score: "exact", task: "identify" },
  { name: "detection", score: "boxes", task: "detection" },
  { name: "grounding", score: "boxes", task: "grounding" },
];

/** The names of the rows. */
export const sceneRows: readonly string[] = rows.map(({ name }) => name);

export interface SceneRow {
  task: string;
  score: SceneScore;
  value: number;
  questions: number;
  /** Milliseconds a question, the picture included. */
  ms: number;
}

export interface ScenesOptions {
  /** Questions of each row. */
  count: number;
  tasks?: readonly string[] | undefined;
  onScene?: (task: string, done: number) => void;
  signal?: AbortSignal;
}

/** Strength of the effects on the scenes. */
const effects = 0.1;

/** The questions of a row, each about a scene of its own, the same every time; scenes that do not allow the question are passed over. */
export function* sceneQuestions(name: string, count: number): Generator<{ shown: Scene; asked: SceneQuestion }> {
  const number = sceneRows.indexOf(name);
  const { task, about } = rows[number];
  for (let found = 0, i = 0; found < count; i++) {
    const seed = firstHeldOutSeed + number * 1_000_000 + i;
    const shown = scene(seed, effects);
    const asked = sceneQuestion(task, shown, new Random("scene question", seed), { name: about, first: true });
    if (!asked) continue;
    found++;
    yield { shown, asked };
  }
}

/** Every row over `count` questions. */
export async function evalScenes(model: Model, { count, tasks, onScene, signal }: ScenesOptions): Promise<SceneRow[]> {
  const report: SceneRow[] = [];
  for (const { name, score } of rows) {
    if (tasks && !tasks.includes(name)) continue;
    let [sum, done] = [0, 0];
    const began = performance.now();
    for (const { shown, asked } of sceneQuestions(name, count)) {
      sum += scored(score, await answered(model, shown, asked.question, signal), asked.answer, shown.size);
      done++;
      onScene?.(name, done);
    }
    report.push({ task: name, score, value: sum / done, questions: done, ms: (performance.now() - began) / done });
  }
  return report;
}

async function answered(model: Model, shown: Scene, question: string, signal?: AbortSignal): Promise<string> {
  const asked = {
    images: [{ name: `scene ${shown.seed}`, image: shown.image }],
    messages: [{ role: "user" as const, content: question }],
  };
  const answering = model.answer(asked, { temperature: 0 }, signal);
  for (;;) {
    const { done, value } = await answering.next();
    if (done) return value.answer;
  }
}

/** How much of the truth an answer has, less what it has besides. */
export function scored(score: SceneScore, answer: string, truth: string, size: Size): number {
  if (score === "exact") return exact(answer, truth) ? 1 : 0;
  if (score === "phrases") return shared(phrases(answer), phrases(truth), (a, b) => a === b);
  const alike = (a: PhraseBox, b: PhraseBox): boolean => a.phrase === b.phrase && overlap(a.box, b.box) > 0.5;
  return shared(boxesIn(answer, size), boxesIn(truth, size), alike);
}

const phrases = (text: string): string[] =>
  text
    .trim()
    .toLowerCase()
    .split(/, | and |\. /);

/** The pairs that are alike, each member of one pair only, as a part of the longer list. */
function shared<T>(found: readonly T[], expected: readonly T[], alike: (a: T, b: T) => boolean): number {
  const left = [...expected];
  let pairs = 0;
  for (const one of found) {
    const at = left.findIndex((other) => alike(one, other));
    if (at < 0) continue;
    left.splice(at, 1);
    pairs++;
  }
  return pairs / Math.max(1, found.length, expected.length);
}

/** Intersection over union. */
function overlap(a: Box, b: Box): number {
  const area = ([x1, y1, x2, y2]: readonly number[]): number => Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
  const both = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  return both / Math.max(Number.EPSILON, area(a) + area(b) - both);
}
