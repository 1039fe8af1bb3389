/** Axes by name, against the definition: an element keeps its names and goes where they stand. */
import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import { show, size, times } from "../../src/graph/shape.ts";
import { input } from "../../src/graph/tensor.ts";
import { counting } from "../support/values.ts";

type Axes = readonly (readonly string[])[];

const sizes: Record<string, number> = { b: 2, t: 3, h: 2, e: 4, y: 2, i: 3, x: 1, j: 2, c: 3 };
const sizeOf = (names: readonly string[]): number => names.reduce((n, name) => n * sizes[name], 1);
const written = (axes: Axes): string =>
  axes.map((names) => (names.length === 1 ? names[0] : names.length ? `(${names.join(" ")})` : "1")).join(" ");

/** Row-major place of an element whose names have these values. */
function place(axes: Axes, at: Readonly<Record<string, number>>): number {
  return axes.flat().reduce((offset, name) => offset * sizes[name] + at[name], 0);
}

function byDefinition(from: Axes, to: Axes): number[] {
  const out: number[] = [];
  const walk = (names: readonly string[], at: Record<string, number>): void => {
    if (names.length === 0) {
      out[place(to, at)] = place(from, at);
      return;
    }
    for (let i = 0; i < sizes[names[0]]; i++) walk(names.slice(1), { ...at, [names[0]]: i });
  };
  walk(from.flat(), {});
  return out;
}

const patterns: [Axes, Axes][] = [
  [
    [["b"], ["t"], ["h", "e"]],
    [["b"], ["h"], ["t"], ["e"]],
  ],
  [
    [["b"], ["h"], ["t"], ["e"]],
    [["b"], ["t"], ["h", "e"]],
  ],
  [
    [["b"], ["y", "i", "x", "j"], ["c"]],
    [["b"], ["y", "x"], ["i", "j", "c"]],
  ],
  [
    [["b"], ["c"], ["y", "i"], ["x", "j"]],
    [["b"], ["y", "x"], ["c", "i", "j"]],
  ],
  [
    [["b"], ["t"]],
    [["b"], [], ["t"]],
  ],
  [[["b"], [], ["t"]], [["t", "b"]]],
  [
    [["t"], ["b"]],
    [["b"], ["t"]],
  ],
  [[[], ["e"]], [["e"]]],
];

test.each(patterns.map(([from, to]) => [`${written(from)} -> ${written(to)}`, from, to] as const))(
  "%s",
  (pattern, from, to) => {
    const x = input("x", from.map(sizeOf));
    const merged = from.filter((names) => names.length > 1).flat();
    const y = x.rearrange(pattern, Object.fromEntries(merged.map((name) => [name, sizes[name]])));
    expect(y.shape).toEqual(to.map(sizeOf));
    expect([...evaluate({ y }, { x: counting(from.map(sizeOf)) }).y.data]).toEqual(byDefinition(from, to));
  },
);

test("the one size of a group that is not given follows from the axis", () => {
  expect(input("x", [2, 12]).rearrange("b (h e) -> h b e", { h: 3 }).shape).toEqual([3, 2, 4]);
});

test("named sizes split and merge like numbers", () => {
  const [n, t] = [size("tiles"), size("tokens")];
  const x = input("x", [n, t, 8]);
  expect(show(x.rearrange("n t (h e) -> (n t) h e", { h: 2 }).shape)).toBe("[tiles*tokens, 2, 4]");
  const merged = input("y", [times(n, t), 8]);
  expect(show(merged.rearrange("(n t) d -> n t d", { n }).shape)).toBe("[tiles, tokens, 8]");
});

test("a pattern that moves nothing adds no node", () => {
  const x = input("x", [2, 3]);
  expect(x.rearrange("a b -> a b")).toBe(x);
});

describe("a pattern that does not fit says why", () => {
  const x = input("x", [2, 12]);
  test.each<[string, Record<string, number>, string]>([
    ["b t", {}, 'there is no "->"'],
    ["b t d -> b t d", {}, "3 axes are named, the tensor has 2"],
    ["b (h e) -> b h e", {}, "the sizes of h and e do not follow from 12; give all but one"],
    ["b (h e) -> b h e", { h: 5 }, "12 is not a multiple of 5"],
    ["b (h e) -> b h e", { h: 3, e: 5 }, "(h e) is 15, the axis has 12"],
    ["1 t -> t", {}, "() is 1, the axis has 2"],
    ["b t -> b t d", {}, '"d" is not on the left'],
    ["b t -> b", {}, '"t" is not on the right'],
  ])("%s %j", (pattern, given, why) => {
    expect(() => x.rearrange(pattern, given)).toThrow(`rearrange "${pattern}" of [2, 12]: ${why}`);
  });
});
