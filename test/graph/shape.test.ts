/** Sizes as polynomials: their arithmetic is that of the numbers that they become. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ShapeError } from "../../src/errors.ts";
import {
  bind,
  broadcast,
  count,
  type Dim,
  fixed,
  minus,
  over,
  plus,
  type Shape,
  same,
  show,
  size,
  times,
} from "../../src/graph/shape.ts";

const [t, s, n] = ["tokens", "past", "tiles"].map(size);
const bound = new Map([
  ["tokens", 7],
  ["past", 30],
  ["tiles", 3],
]);

const dim: fc.Arbitrary<Dim> = fc.letrec<{ dim: Dim }>((tie) => ({
  dim: fc.oneof(
    { maxDepth: 3 },
    fc.integer({ min: -5, max: 20 }),
    fc.constantFrom(t, s, n),
    fc.tuple(tie("dim"), tie("dim")).map(([a, b]) => plus(a, b)),
    fc.tuple(tie("dim"), tie("dim")).map(([a, b]) => times(a, b)),
    fc.tuple(tie("dim"), tie("dim")).map(([a, b]) => minus(a, b)),
  ),
})).dim;
const at = (d: Dim): number => bind(d, bound);

test("sum, difference and product of sizes bind to those of their numbers", () => {
  fc.assert(
    fc.property(dim, dim, (a, b) => {
      expect(at(plus(a, b))).toBe(at(a) + at(b));
      expect(at(minus(a, b))).toBe(at(a) - at(b));
      // + 0 because 0 · −5 is −0 as a number.
      expect(at(times(a, b)) + 0).toBe(at(a) * at(b) + 0);
    }),
  );
});

test("the order of terms and factors does not matter, and what cancels is gone", () => {
  fc.assert(
    fc.property(dim, dim, dim, (a, b, c) => {
      expect(same(plus(a, b), plus(b, a))).toBe(true);
      expect(same(times(a, plus(b, c)), plus(times(c, a), times(b, a)))).toBe(true);
      expect(minus(plus(a, b), plus(b, a))).toBe(0);
    }),
  );
});

test("a product divided by one of its factors is the other", () => {
  const factor = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom<Dim>(t, s, n, times(t, n), times(3, s)));
  fc.assert(
    fc.property(dim, factor, (a, b) => {
      expect(same(over(times(a, b), b)!, a)).toBe(true);
    }),
  );
});

test.each<[Dim, Dim]>([
  [7, 2],
  [t, 2],
  [plus(t, s), t],
  [times(t, t), s],
  [times(2, t), plus(t, s)],
  [12, 0],
  [4, t],
])("%s has no quotient by %s", (a, b) => {
  expect(over(a, b)).toBeUndefined();
});

test.each<[Dim, string]>([
  [3, "3"],
  [t, "tokens"],
  [plus(s, t), "past+tokens"],
  [plus(times(2, times(t, n)), 1), "1+2*tiles*tokens"],
  [times(t, t), "tokens*tokens"],
])("a size is shown as its polynomial: %s", (d, text) => {
  expect(String(d)).toBe(text);
  expect(show([2, d])).toBe(`[2, ${text}]`);
});

describe("two shapes broadcast as in numpy", () => {
  test.each<[Shape, Shape, Shape]>([
    [[2, 3], [3], [2, 3]],
    [
      [4, 1, 3],
      [2, 1],
      [4, 2, 3],
    ],
    [[], [5], [5]],
    [[t, 1], [s], [t, s]],
    [
      [1, plus(s, t)],
      [2, plus(t, s)],
      [2, plus(s, t)],
    ],
  ])("%j with %j", (a, b, both) => {
    expect(show(broadcast("add", a, b))).toBe(show(both));
    expect(show(broadcast("add", b, a))).toBe(show(both));
  });

  test.each<[Shape, Shape, string]>([
    [[2, 3], [4], "add: [2, 3] with [4]: 3 is not 4"],
    [[t], [s], "add: [tokens] with [past]: tokens is not past"],
    [[2], [t], "add: [2] with [tokens]: 2 is not tokens"],
  ])("%j with %j is a mistake", (a, b, message) => {
    expect(() => broadcast("add", a, b)).toThrow(new ShapeError(message));
  });
});

test("the number of elements is the product of all sizes", () => {
  expect(count([])).toBe(1);
  expect(count([2, 3])).toBe(6);
  expect(String(count([2, t, n]))).toBe("2*tiles*tokens");
});

test("a name that nothing binds is named beside those that are bound", () => {
  expect(() => bind(plus(size("rows"), t), bound)).toThrow(
    'size "rows" is bound by no input; there are tokens, past, tiles',
  );
});

test("a number is demanded where the graph must be static", () => {
  expect(fixed(5, "pixels")).toBe(5);
  expect(() => fixed(t, "pixels")).toThrow(
    new ShapeError("pixels: tokens is known only when the graph runs, a number was expected"),
  );
});
