/** Numbers for tests, in the forms that the evaluator, the engine and files take. */
import { Random } from "../../src/data/random.ts";
import type { Values } from "../../src/graph/engine.ts";
import type { Value } from "../../src/graph/op.ts";

const total = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** Numbers in [low, high) that a seed repeats, as float32 holds them. */
export function drawn(shape: readonly number[], seed: number, low = -1, high = 1): Value {
  const random = new Random("drawn", seed);
  return { shape, data: Float64Array.from({ length: total(shape) }, () => Math.fround(random.real(low, high))) };
}

export const value = (shape: readonly number[], ...data: number[]): Value => ({ shape, data: Float64Array.from(data) });

/** 0, 1, 2, … */
export const counting = (shape: readonly number[]): Value => value(shape, ...Array(total(shape)).keys());

/** The same numbers for the engine. */
export const floats = ({ shape, data }: Value): Values => ({ dtype: "f32", shape, data: Float32Array.from(data) });
export const integers = ({ shape, data }: Value): Values => ({
  dtype: "i64",
  shape,
  data: BigInt64Array.from(Array.from(data), BigInt),
});

/** max |a − b| / max |b|; infinite where the lengths differ. */
export function gap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [error, largest] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    error = Math.max(error, Math.abs(a[i] - b[i]));
    largest = Math.max(largest, Math.abs(b[i]));
  }
  return error === 0 ? 0 : error / largest;
}
