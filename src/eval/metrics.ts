/** How answers are scored. */
import { distance } from "../text/distance.ts";

/** Blanks collapsed and cut at the ends. */
const tidy = (text: string): string => text.trim().replace(/\s+/g, " ");

/** Whether the answer is the truth, up to blanks and case. */
export const exact = (answer: string, truth: string): boolean =>
  tidy(answer).toLowerCase() === tidy(truth).toLowerCase();

/** Character error rate over many readings: Σ edit distance / Σ length of the truths, after collapsing blanks. May exceed 1. */
export function characterErrorRate(readings: readonly { answer: string; truth: string }[]): number {
  let errors = 0;
  let length = 0;
  for (const { answer, truth } of readings) {
    errors += distance(tidy(answer), tidy(truth));
    length += [...tidy(truth)].length;
  }
  return length ? errors / length : 0;
}

/** Expected calibration error: over ten equal bins of probability, the mean gap between confidence and accuracy, weighted by size. */
export function calibrationError(answers: readonly { probability: number; right: boolean }[]): number {
  let gap = 0;
  for (let bin = 0; bin < 10; bin++) {
    const inside = answers.filter(({ probability }) => Math.min(9, Math.floor(probability * 10)) === bin);
    const confidence = inside.reduce((sum, { probability }) => sum + probability, 0);
    const right = inside.filter((a) => a.right).length;
    gap += Math.abs(confidence - right) / Math.max(1, answers.length);
  }
  return gap;
}

/** The middle of numbers in order; the upper one of two. */
export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
