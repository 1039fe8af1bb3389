/** Differentiation of whole graphs; the rule of each operator is tested in ops.test.ts. */
import { afterEach, describe, expect, test } from "vitest";
import { ShapeError } from "../../src/errors.ts";
import { evaluate } from "../../src/graph/evaluate.ts";
import { gradients } from "../../src/graph/grad.ts";
import { order } from "../../src/graph/graph.ts";
import type { Op, Value } from "../../src/graph/op.ts";
import { composites } from "../../src/graph/ops-composite.ts";
import { type Dim, size } from "../../src/graph/shape.ts";
import { concat, input, type Tensor } from "../../src/graph/tensor.ts";
import { drawn, gap, value } from "../support/values.ts";

const total = (x: Tensor): Tensor => x.sum([...x.shape.keys()]).reshape([1]);

/** Gradient values of the loss by each input. */
function found(loss: Tensor, wrt: readonly Tensor[], feeds: Record<string, Value>): number[][] {
  const outputs = Object.fromEntries(gradients(loss, wrt).map((g, i) => [i, g]));
  return Object.values(evaluate(outputs, feeds)).map(({ data }) => [...data]);
}

describe("a composite without a rule of its own has the gradient of its definition", () => {
  const rules = new Map(Object.entries(composites).map(([name, { grad }]) => [name, grad]));
  const row = (name: string): Op => composites[name as keyof typeof composites];
  afterEach(() => {
    for (const [name, grad] of rules) row(name).grad = grad;
  });

  test.each([...rules.keys()].filter((name) => rules.get(name)))("%s", (name) => {
    const vectors = name === "layerNorm" ? ["gamma", "beta"] : name === "rmsNorm" ? ["gamma"] : [];
    const x = input("x", [2, 5]);
    const others = vectors.map((vector) => input(vector, [5]));
    const y = x.apply(name as keyof typeof composites, others, { eps: 1e-5 });
    const loss = total(y.mul(input("weights", [2, 5])));
    const names = ["x", "weights", ...vectors];
    const feeds = Object.fromEntries(
      names.map((key, i) => [key, drawn(key === "x" || key === "weights" ? [2, 5] : [5], i + 1)]),
    );
    const byRule = found(loss, [x, ...others], feeds);
    delete row(name).grad;
    const byDefinition = found(loss, [x, ...others], feeds);
    byRule.forEach((g, i) => {
      expect(gap(g, byDefinition[i])).toBeLessThan(1e-12);
    });
  });
});

test("a tensor the loss does not depend on has gradient zero, in its own shape", () => {
  const [x, y] = [input("x", [2]), input("y", [3, 4])];
  const [, g] = gradients(total(x), [x, y]);
  expect(g.shape).toEqual([3, 4]);
  expect([...evaluate({ g }, {}).g.data]).toEqual(Array(12).fill(0));
});

test("what is used twice receives the sum", () => {
  const x = input("x", [3]);
  const loss = total(x.mul(x).add(x.mul(5)));
  expect(found(loss, [x], { x: value([3], 1, 2, -3) })).toEqual([[7, 9, -1]]);
});

test("the gradient by an inner tensor stops there", () => {
  const x = input("x", [2]);
  const inner = x.apply("exp");
  const [g] = gradients(total(inner.mul(inner)), [inner]);
  expect([...evaluate({ g }, { x: value([2], 0, 1) }).g.data]).toEqual([2, 2 * Math.E]);
  expect(order([g]).filter(({ op }) => op === "exp")).toHaveLength(1);
});

test("the gradient of a gradient is the second derivative", () => {
  const x = input("x", [2]);
  const [first] = gradients(total(x.mul(x).mul(x)), [x]);
  expect(found(total(first), [x], { x: value([2], 2, -1) })).toEqual([[12, -6]]);
});

describe("what cannot be differentiated is an error", () => {
  const x = input("x", [2]);
  test("an operator without a rule between loss and parameter is named", () => {
    const failing = () => gradients(total(x.apply("floor")), [x]);
    expect(failing).toThrow(ShapeError);
    expect(failing).toThrow("floor f32[2] has no gradient rule, yet the loss depends on a parameter through it");
  });

  test("an operator without a rule beside the parameter does not matter", () => {
    const y = input("y", [2]);
    const loss = total(x.mul(y.apply("floor")));
    expect(found(loss, [x], { x: value([2], 1, 1), y: value([2], 1.5, 2.5) })).toEqual([[1, 2]]);
  });

  test("a loss of several elements is shown with its shape", () => {
    expect(() => gradients(x, [x])).toThrow("gradients: the loss is [2], one element was expected");
  });
});

describe("slices", () => {
  const x = input("x", [2, 6]);
  const given = { x: drawn([2, 6], 3) };
  const cut = (parts: [Dim, Dim][], of = x): Tensor =>
    total(
      concat(
        parts.map(([from, to], i) => of.slice(1, from, to).mul(i + 1)),
        1,
      ),
    );
  const byHand = (parts: [number, number][]): number[] => {
    const row = Array(6).fill(0);
    parts.forEach(([from, to], i) => {
      for (let j = from; j < to; j++) row[j] += i + 1;
    });
    return [...row, ...row];
  };
  const pads = (loss: Tensor, of = x): number => order(gradients(loss, [of])).filter(({ op }) => op === "pad").length;

  test.each<[string, [number, number][], number]>([
    [
      "tile the axis: their gradients are joined",
      [
        [0, 2],
        [2, 3],
        [3, 6],
      ],
      0,
    ],
    [
      "tile it in another order",
      [
        [3, 6],
        [0, 2],
        [2, 3],
      ],
      0,
    ],
    [
      "leave a gap: they are padded and added",
      [
        [0, 2],
        [3, 6],
      ],
      2,
    ],
    [
      "stop before the end",
      [
        [0, 2],
        [2, 5],
      ],
      2,
    ],
    [
      "overlap",
      [
        [0, 4],
        [2, 6],
      ],
      2,
    ],
    [
      "come twice",
      [
        [0, 3],
        [0, 3],
        [3, 6],
      ],
      3,
    ],
  ])("that %s", (_, parts, padded) => {
    expect(found(cut(parts), [x], given)).toEqual([byHand(parts)]);
    expect(pads(cut(parts))).toBe(padded);
  });

  test("that tile an axis of named size are joined", () => {
    const t = size("tokens");
    const y = input("y", [2, t]);
    const loss = cut(
      [
        [0, 2],
        [2, t],
      ],
      y,
    );
    expect(pads(loss, y)).toBe(0);
    // y itself is asked for too: a run knows its sizes from its inputs.
    const [g] = gradients(loss, [y]);
    expect([...evaluate({ g, y }, { y: drawn([2, 6], 4) }).g.data]).toEqual(
      byHand([
        [0, 2],
        [2, 6],
      ]),
    );
  });
});
