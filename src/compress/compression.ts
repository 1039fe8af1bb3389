/** Token compression: which visual tokens of a prompt the language model gets to read. */
import { RequestError } from "../errors.ts";

/** Visual tokens from … to − 1, counted over all images of the prompt. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Which tokens of a prompt look: those behind a window, or all that can see it. */
type Voters = "behind" | "all";

/** What a method may look at before it decides. */
export interface VisualPrompt {
  /** Number of visual tokens. */
  readonly tokens: number;
  /** The detailed layer of each image: the tokens that may go. */
  readonly windows: readonly Span[];
  /** The visual tokens themselves: [tokens, d]. */
  readonly features: Float32Array;
  /** How much each token of a window is looked at: the probability that layer `layer` (from 0) of the language model attends
   *  to it, mean over heads and over the voters. One array a window. */
  attention(layer: number, voters: Voters): Promise<readonly Float32Array[]>;
  /** How alike the tokens of a window are: the cosine of the angle between each two, [n, n]. One array a window. */
  likeness(): Promise<readonly Float32Array[]>;
}

/** A method. `keep` returns the visual tokens that survive, ascending. */
export interface Compression {
  readonly name: string;
  /** What of the prompt it asks for, which takes memory; nothing where it is absent. */
  readonly asks?: "attention" | "likeness";
  /** The layer of the language model from which on (from 0) no token sees those that do not survive. Absent: they are no part of the prompt. */
  readonly layer?: number;
  keep(prompt: VisualPrompt): Promise<Int32Array>;
}

/** Throws RequestError unless a method's share of each window is above 0 and at most 1. */
export function checkRatio(method: string, ratio: number): void {
  if (ratio > 0 && ratio <= 1) return;
  throw new RequestError(`${method} is ${ratio}; expected a ratio above 0 and up to 1, or off`);
}

/** Of each window of n tokens the ⌊n · ratio⌋ that are chosen, by their places in the window, and all visual tokens outside. */
export function keeping(
  { tokens, windows }: VisualPrompt,
  ratio: number,
  choose: (window: number, size: number, count: number) => Iterable<number>,
): Int32Array {
  const kept = new Uint8Array(tokens).fill(1);
  windows.forEach(({ from, to }, window) => {
    kept.fill(0, from, to);
    for (const place of choose(window, to - from, Math.floor((to - from) * ratio))) kept[from + place] = 1;
  });
  return Int32Array.from(kept.keys()).filter((i) => kept[i]);
}

/** The places of the largest scores, of equals the first. */
export function largest(scores: Float32Array, count: number): number[] {
  return Array.from(scores.keys())
    .sort((a, b) => scores[b] - scores[a] || a - b)
    .slice(0, count);
}
