/** SCM, the scale compression mechanism (Mini-Monkey, Huang 2024): the detailed tokens that the rest looks at least are dropped. */
import { type Compression, checkRatio, keeping, largest } from "./compression.ts";

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
  checkRatio("scm", ratio);
  return {
    name: `scm ${ratio}`,
    asks: "attention",
    async keep(prompt) {
      const scores = ratio < 1 ? await prompt.attention(scmLayer, "behind") : [];
      const kept = keeping(prompt, ratio, (window, size, count) =>
        largest(scores[window] ?? new Float32Array(size), count),
      );
      const slips = new Set(reference ? prompt.windows.map(({ to }) => to) : []);
      return kept.filter((i) => !slips.has(i));
    },
  };
}
