/** Tensors made of others, against the same in float64. */
import { expect, test } from "vitest";
import { adapted } from "../../src/weights/derived.ts";
import type { Part } from "../../src/weights/published.ts";
import { drawn, gap } from "../support/values.ts";

/** A tensor of drawn numbers that comes in pieces of so many, wherever its rows end. */
function part(shape: readonly number[], seed: number, size: number): Part & { data: Float64Array } {
  const data = Float64Array.from(drawn(shape, seed).data);
  return {
    dtype: "F32",
    shape,
    data,
    *pieces() {
      for (let at = 0; at < data.length; at += size) yield Float32Array.from(data.subarray(at, at + size));
    },
  };
}

test.each([1, 5, 13, 1000])("adapters are added row by row, in pieces of %d numbers", (size) => {
  const [n, d, r] = [7, 11, 3];
  const [base, a, b] = [part([n, d], 1, size), part([r, d], 2, 4), part([n, r], 3, size)];
  const expected = base.data.map((value, i) => {
    const [row, column] = [Math.floor(i / d), i % d];
    let sum = 0;
    for (let k = 0; k < r; k++) sum += b.data[row * r + k] * a.data[k * d + column];
    return value + 0.25 * sum;
  });
  const made = [...adapted(base, a, b, 0.25, "w").pieces()].flatMap((values) => [...(values as Float32Array)]);
  expect(made).toEqual([...Float32Array.from(expected)]);
  expect(gap(made, expected)).toBeLessThan(1e-7);
});
