/** DivPrune (Alvar 2025, arXiv 2503.02175): the tokens that are least like each other stay, whatever is asked. No attention is looked at. */
import { type Compression, checkRatio, keeping } from "./compression.ts";

/** Keeps ⌊H · ratio⌋ tokens of each window of H, and all others: greedily the token whose nearest of those chosen is farthest, first the one whose nearest of all
 *  is; distance is one minus the cosine. Throws RequestError for a ratio out of range. */
export function divprune({ ratio }: { readonly ratio: number }): Compression {
  checkRatio("divprune", ratio);
  return {
    name: `divprune ${ratio}`,
    asks: "likeness",
    async keep(prompt) {
      if (ratio === 1) return keeping(prompt, ratio, (_, size) => Array(size).keys());
      const likeness = await prompt.likeness();
      return keeping(prompt, ratio, (window, size, count) => farthest(likeness[window], size, count));
    },
  };
}

/** The farthest tokens one after the other, of equals the first. likeness: [n, n]. */
function farthest(likeness: Float32Array, n: number, count: number): number[] {
  const chosen: number[] = [];
  const taken = Number.POSITIVE_INFINITY;
  const row = (i: number): Float32Array => likeness.subarray(i * n, (i + 1) * n);
  // Of each token how like it is to the nearest of those chosen; before any is, to the nearest other token.
  let nearest = Float32Array.from({ length: n }, (_, i) =>
    row(i).reduce((most, x, j) => (j === i ? most : Math.max(most, x)), -1),
  );
  while (chosen.length < count) {
    let next = 0;
    for (let i = 1; i < n; i++) if (nearest[i] < nearest[next]) next = i;
    const to = row(next);
    nearest = chosen.length ? nearest.map((most, i) => Math.max(most, to[i])) : to.slice();
    nearest[next] = taken;
    chosen.push(next);
  }
  return chosen;
}
