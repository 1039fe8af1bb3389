/** Operations of matrix products, counted by hand. */
import { expect, test } from "vitest";
import { flops } from "../../src/graph/cost.ts";
import { size } from "../../src/graph/shape.ts";
import { input, type Tensor } from "../../src/graph/tensor.ts";

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
