/** What a graph costs to run: floating-point operations, counted from the table, and memory. */
import { type Outputs, order, paramsOf } from "./graph.ts";
import { ops } from "./ops.ts";
import { bind } from "./shape.ts";
import type { DType, Tensor } from "./tensor.ts";

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

const widths: Record<DType, number> = { f32: 4, f16: 2, bf16: 2, i64: 8, i32: 4, u8: 1, i8: 1, bool: 1 };

/** Bytes of one tensor once its named sizes are bound. */
export function bytesOf({ shape, dtype }: Tensor, sizes: ReadonlyMap<string, number>): number {
  return shape.reduce<number>((n, d) => n * bind(d, sizes), widths[dtype]);
}

/** Bytes of the weights that a graph computes with. */
export function weightBytes(outputs: Outputs): number {
  return [...paramsOf(outputs).values()].reduce((sum, p) => sum + bytesOf(p, new Map()), 0);
}

/** Bytes that one run reads of weights and inputs: of tables, whose rows are looked up, next to nothing. */
export function readBytes(outputs: Outputs, sizes: Readonly<Record<string, number>> = {}): number {
  const bound = new Map(Object.entries(sizes));
  const nodes = order(Object.values(outputs));
  const read = new Set(nodes.flatMap(({ op, inputs }) => (op === "rows" ? inputs.slice(1) : inputs)));
  const sources = [...read].filter(({ op }) => op === "param" || op === "input");
  return sources.reduce((sum, x) => sum + bytesOf(x, bound), 0);
}

/** The most bytes that results need at once when each is freed after its last use; weights and inputs aside. A reshaped tensor is the tensor itself. */
export function peakBytes(outputs: Outputs, sizes: Readonly<Record<string, number>> = {}): number {
  const bound = new Map(Object.entries(sizes));
  const nodes = order(Object.values(outputs));
  const given = new Set(["input", "param", "constant"]);
  const root = (x: Tensor): Tensor => (x.op === "reshape" ? root(x.inputs[0]) : x);
  const last = new Map<Tensor, number>();
  for (const [i, node] of nodes.entries()) for (const x of node.inputs) last.set(root(x), i);
  for (const y of Object.values(outputs)) last.set(root(y), nodes.length);
  const ending = new Map<number, Tensor[]>();
  for (const [x, i] of last) ending.set(i, [...(ending.get(i) ?? []), x]);
  let [live, peak] = [0, 0];
  for (const [i, node] of nodes.entries()) {
    if (root(node) === node && !given.has(node.op)) live += bytesOf(node, bound);
    peak = Math.max(peak, live);
    for (const x of ending.get(i) ?? []) if (!given.has(x.op)) live -= bytesOf(x, bound);
  }
  return peak;
}
