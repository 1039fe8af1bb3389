/** How alike visual tokens are. */
import type { Outputs } from "../graph/graph.ts";
import { size } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";

/** Cosines of each two tokens. Input: features [visual, d]. Output: cosines [visual, visual]. */
export function cosines(d: number): Outputs {
  const x = input("features", [size("visual"), d]);
  const length = x.mul(x).sum().apply("sqrt").max(1e-30);
  const unit = x.div(length);
  return { cosines: unit.matmul(unit.T) };
}
