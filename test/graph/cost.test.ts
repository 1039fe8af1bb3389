/** Operations of matrix products and bytes of results, counted by hand. */
import { expect, test } from "vitest";
import { flops, peakBytes, weightBytes } from "../../src/graph/cost.ts";
import { size } from "../../src/graph/shape.ts";
import { input, type Tensor } from "../../src/graph/tensor.ts";
import { param } from "../../src/weights/path.ts";
import { seeded } from "../support/seeded.ts";

const [a, b] = [input("a", [5, 3]), input("b", [3, 7])];

test.each<[string, Tensor, number]>([
  ["a product of two matrices is 2·m·k·n", a.matmul(b), 2 * 5 * 3 * 7],
  ["a transposed factor costs the same", input("c", [3, 5]).T.matmul(b), 2 * 5 * 3 * 7],
  ["a batch costs as often", input("c", [4, 2, 5, 3]).matmul(b), 4 * 2 * 2 * 5 * 3 * 7],
  [
    "a factor that stretches is multiplied for each",
    input("c", [4, 1, 5, 3]).matmul(input("d", [6, 3, 7])),
    4 * 6 * 210,
  ],
  ["a layer costs 2·m·n a row, its bias nothing", a.apply("project", [input("w", [7, 3]), input("v", [7])]), 210],
  ["elementwise work is not counted", a.add(1).apply("exp").apply("softmax"), 0],
  ["products that follow each other add up", a.matmul(b).matmul(input("c", [7, 2])), 210 + 2 * 5 * 7 * 2],
])("%s", (_, y, count) => {
  expect(flops({ y })).toBe(count);
});

test("a product that two outputs share is counted once", () => {
  const y = a.matmul(b);
  expect(flops({ one: y.add(1), two: y.mul(2), three: y })).toBe(210);
});

test("named sizes are counted as what they are bound to", () => {
  const t = size("tokens");
  const q = input("q", [t, 8]);
  expect(flops({ y: q.matmul(q.T) }, { tokens: 10 })).toBe(2 * 10 * 10 * 8);
  expect(() => flops({ y: q.matmul(q.T) })).toThrow('size "tokens" is bound by no input');
});

test.each<[string, Record<string, Tensor>, number]>([
  ["a result is 4 bytes a number", { y: a.matmul(b) }, 4 * 35],
  ["a chain holds two results at once", { y: a.add(1).mul(2).add(3).mul(4) }, 2 * 4 * 15],
  ["what is used again later is held", { y: a.add(1).mul(2).add(3).add(a.add(1)) }, 3 * 4 * 15],
  ["outputs are held to the end", { one: a.add(1), two: a.add(2), three: a.add(3) }, 3 * 4 * 15],
  ["another shape of a result is no result", { y: a.add(1).reshape([15]).reshape([3, 5]) }, 4 * 15],
  ["integers count their own width", { y: a.cast("i64") }, 8 * 15],
])("%s", (_, outputs, bytes) => {
  expect(peakBytes(outputs)).toBe(bytes);
});

test("memory grows with the sizes that are bound", () => {
  const t = size("tokens");
  const q = input("q", [t, 8]);
  const [few, many] = [10, 100].map((tokens) => peakBytes({ y: q.matmul(q.T) }, { tokens }));
  expect([few, many]).toEqual([4 * 100, 4 * 10_000]);
});

test("a weight is counted once, however often it is used", () => {
  const { w } = seeded();
  const p = param(w.weight, [3, 5], { value: 1 });
  expect(weightBytes({ y: p.add(p).matmul(p.T) })).toBe(4 * 15);
});
