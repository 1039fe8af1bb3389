/** SCM, the scale compression mechanism (Mini-Monkey, Huang 2024): the detailed tokens that the rest looks at least are dropped. */
import { RequestError } from "../errors.ts";
import type { Compression } from "./compression.ts";

/** The second layer is the judge. */
export const scmLayer = 1;

export interface ScmOptions {
  /** Share of each window that is kept: above 0, at most 1. */
  readonly ratio: number;
  /** Also drops the token right after each window, as the released code does through an off-by-one; it stays where it is no
   *  visual token. Default false: the method as published. */
  readonly reference?: boolean;
}

/** Keeps the floor(H · ratio) tokens of a window of H that are attended to most (of equals the first), and all others.
 *  Throws RequestError for a ratio out of range. */
export function scm({ ratio, reference = false }: ScmOptions): Compression {
  if (!(ratio > 0 && ratio <= 1))
    throw new RequestError(`scm is ${ratio}; expected a ratio above 0 and up to 1, or off`);
  return {
    name: `scm ${ratio}`,
    async keep({ tokens, windows, attention }) {
      const dropped = new Set<number>();
      const scores = ratio < 1 ? await attention(scmLayer) : [];
      for (const [i, { from, to }] of windows.entries()) {
        const least = scores[i] ? ranked(scores[i]).slice(Math.floor((to - from) * ratio)) : [];
        for (const index of least) dropped.add(from + index);
        if (reference) dropped.add(to);
      }
      return Int32Array.from({ length: tokens }, (_, i) => i).filter((i) => !dropped.has(i));
    },
  };
}

/** Indices by falling score, of equals the lower first. */
function ranked(scores: Float32Array): number[] {
  return Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
}
