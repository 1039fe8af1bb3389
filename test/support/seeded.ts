/** Weights for models of tests: every key is accepted and drawn from a seed. */
import type { Value } from "../../src/graph/op.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { type Weights, weights } from "../../src/weights/path.ts";
import { drawn } from "./values.ts";

/** A root of paths, and the values of all weights that were asked for so far: uniform in ±0.5. */
export function seeded(): { w: Weights; values: () => Record<string, Value> } {
  const source = openEnded();
  return {
    w: weights(source),
    values: () =>
      Object.fromEntries(
        [...source.wanted].map(([key, { shape }], i) => [key, drawn(shape, i + 1, -0.5, 0.5)] as const),
      ),
  };
}
