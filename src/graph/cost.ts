/** What a graph costs to run: floating-point operations, counted from the table. */
import { type Outputs, order } from "./graph.ts";
import { ops } from "./ops.ts";
import { bind } from "./shape.ts";

/** Floating-point operations of the matrix products of one run, each shared node counted once. */
export function flops(outputs: Outputs, sizes: Readonly<Record<string, number>> = {}): number {
  const bound = new Map(Object.entries(sizes));
  let total = 0;
  for (const node of order(Object.values(outputs))) {
    const count = ops[node.op].flops;
    if (!count) continue;
    const shapes = [...node.inputs, node].map((x) => x.shape.map((d) => bind(d, bound)));
    total += count(shapes.slice(0, -1), shapes.at(-1)!, node.attrs);
  }
  return total;
}
