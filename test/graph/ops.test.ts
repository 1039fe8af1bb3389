/** Every row of the operator table, by itself: against ONNX Runtime, against its definition, against finite differences. */
import { describe, expect, test } from "vitest";
import { ShapeError } from "../../src/errors.ts";
import type { Values } from "../../src/graph/engine.ts";
import { evaluate } from "../../src/graph/evaluate.ts";
import { gradients } from "../../src/graph/grad.ts";
import type { Value } from "../../src/graph/op.ts";
import { ops } from "../../src/graph/ops.ts";
import { type DType, input, type Tensor } from "../../src/graph/tensor.ts";
import { total } from "../../src/graph/value.ts";
import { exactSigned8, ortNode } from "../../src/run/ort-node.ts";
import { type Given, type Sample, samples } from "./samples.ts";

/** Numbers that look random and are the same every time (Park & Miller 1988). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

function fill({ shape, dtype, low, high, whole }: Given, seed: number): Value {
  const random = numbers(seed + 1);
  const draw = (): number => low + (high - low) * random();
  return {
    shape: shape as number[],
    data: Float64Array.from({ length: total(shape as number[]) }, () =>
      dtype === "f32" && !whole ? draw() : Math.floor(draw()),
    ),
  };
}

function values({ shape, data }: Value, dtype: DType): Values {
  if (dtype === "i64") return { dtype, shape, data: BigInt64Array.from(Array.from(data), BigInt) };
  return { dtype, shape, data: dtype === "bool" ? Uint8Array.from(data) : Float32Array.from(data) };
}

function traced({ given, apply }: Sample): { inputs: Tensor[]; y: Tensor; feeds: Record<string, Value> } {
  const inputs = given.map(({ shape, dtype }, i) => input(`x${i}`, shape, dtype));
  return { inputs, y: apply(...inputs), feeds: Object.fromEntries(given.map((g, i) => [`x${i}`, fill(g, i)])) };
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i])), 0);

const cases = Object.entries(samples).flatMap(([op, list]) =>
  list.map((sample, i) => ({ name: `${op} (${i})`, op, sample })),
);

describe("the engine computes what the table means", () => {
  test.each(cases)("$name", async ({ sample }) => {
    const { y, feeds } = traced(sample);
    const wanted = evaluate({ y }, feeds).y;
    const given = Object.fromEntries(sample.given.map(({ dtype }, i) => [`x${i}`, values(feeds[`x${i}`], dtype)]));
    for (const options of [{ fused: true }, { fused: true, signed8: await exactSigned8() }, { fused: false }]) {
      const session = await ortNode({ ...options, threads: 1 }).open({ y });
      const found = (await session.run(given)).y;
      await session.close();
      expect(found.shape).toEqual(wanted.shape);
      expect(largest(Array.from(found.data as Float32Array, Number), wanted.data)).toBeLessThan(
        2e-6 * Math.max(1, ...wanted.data.map(Math.abs)),
      );
    }
  });
});

const trainable = cases.filter(({ op, sample }) => {
  const row = ops[op as keyof typeof ops];
  return (
    (row.grad || row.define) &&
    !/^(project8|product[84])$/.test(op) &&
    sample.given.some(({ dtype }) => dtype === "f32") &&
    traced(sample).y.dtype === "f32"
  );
});

describe("the gradient rule agrees with finite differences", () => {
  test.each(trainable)("$name", ({ sample }) => {
    const { inputs, y, feeds } = traced(sample);
    // A loss that weighs every element of y differently.
    const weights = input("weights", y.shape);
    const all = { ...feeds, weights: fill({ shape: y.shape, dtype: "f32", low: -1, high: 1 }, 99) };
    const loss = y
      .mul(weights)
      .sum([...y.shape.keys()])
      .reshape([1]);
    const wrt = inputs.filter(({ dtype }) => dtype === "f32");
    const rules = evaluate(Object.fromEntries(gradients(loss, wrt).map((g, i) => [`g${i}`, g])), all);
    const at = (name: string, i: number, x: number): number => {
      const data = all[name as "weights"].data.slice();
      data[i] += x;
      return evaluate({ loss }, { ...all, [name]: { shape: all[name as "weights"].shape, data } }).loss.data[0];
    };
    const step = 1e-5;
    wrt.forEach((x, k) => {
      const { name } = x.attrs;
      const differences = Array.from(
        all[name as "weights"].data,
        (_, i) => (at(name, i, step) - at(name, i, -step)) / (2 * step),
      );
      expect(largest(rules[`g${k}`].data, differences), name).toBeLessThan(
        1e-7 * Math.max(1, ...differences.map(Math.abs)),
      );
    });
  });
});

test("rows added under the same id are all counted, on any number of threads", async () => {
  const [n, v, d] = [20_000, 7, 16];
  const ids = Float64Array.from({ length: n }, (_, i) => (i * i) % v);
  const y = input("x", [n, d]).apply("addRows", [input("ids", [n], "i64")], { rows: v, row: [d] });
  const session = await ortNode({ threads: 4 }).open({ y });
  const x = { dtype: "f32", shape: [n, d], data: new Float32Array(n * d).fill(1) } as const;
  for (let i = 0; i < 3; i++) {
    const found = await session.run({ x, ids: values({ shape: [n], data: ids }, "i64") });
    const counted = Array.from({ length: v }, (_, id) => ids.filter((other) => other === id).length);
    expect(Array.from({ length: v }, (_, id) => found.y.data[id * d])).toEqual(counted);
  }
  await session.close();
});

test("attention in blocks is attention as a whole, also over more keys than a block holds", async () => {
  const [t, s, d] = [333, 1025, 32];
  const given = [t, s, s].map((rows) => ({ shape: [2, rows, d], dtype: "f32", low: -3, high: 3 }) as const);
  const apply = (q: Tensor, k: Tensor, v: Tensor): Tensor => q.apply("multiHead", [k, v], { heads: 2 });
  const { y, feeds } = traced({ given: [...given], apply });
  const read = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, values(value, "f32")]));
  const [blocks, whole] = await Promise.all(
    [true, false].map(async (fused) => {
      const session = await ortNode({ fused, threads: 2 }).open({ y });
      const found = (await session.run(read)).y.data as Float32Array;
      await session.close();
      return found;
    }),
  );
  expect(largest(blocks, whole)).toBeLessThan(1e-5);
});

test.each([
  ["a width that the heads do not divide", [2, 3, 8], [2, 5, 8], 3],
  ["keys of another width", [2, 3, 8], [2, 5, 4], 2],
])("attention refuses %s", (_, q, k, heads) => {
  const keys = input("k", k);
  expect(() => input("q", q).apply("multiHead", [keys, keys], { heads })).toThrow(ShapeError);
});

test("what rounds cannot be trained through, and says so", () => {
  const w = input("w", [3, 4]);
  const loss = input("x", [2, 4]).apply("project8", [w]).sum([0, 1]).reshape([1]);
  expect(() => gradients(loss, [w])).toThrow(/^round f32\[.*\] has no gradient rule/);
});

test("every operator has a sample or says here why not", () => {
  // A weight is an input that carries a key; test/graph/onnx.test.ts reads one from a file.
  expect(Object.entries(samples).flatMap(([op, list]) => (list.length ? [] : [op]))).toEqual(["param"]);
});

describe("a shape mistake names the operator, the shapes and the line that asked", () => {
  const x = input("x", [2, 16, 24]);
  const mistakes: [string, () => Tensor, RegExp][] = [
    [
      "matmul",
      () => x.matmul(input("w", [32, 96])),
      /^matmul: \[2, 16, 24\] times \[32, 96\]: 24 is not 32 \(at .*ops\.test\.ts:\d+\)$/,
    ],
    ["add", () => x.add(input("y", [23])), /^Add: \[2, 16, 24\] with \[23\]: 24 is not 23 \(at .*ops\.test\.ts:\d+\)$/],
    [
      "rearrange",
      () => x.rearrange("b t (h e) -> b h t e", { h: 5 }),
      /^rearrange "b t \(h e\) -> b h t e" of \[2, 16, 24\]: 24 is not a multiple of 5/,
    ],
    ["project", () => x.apply("project", [input("w", [8, 25])]), /^project: \[2, 16, 24\] by \[8, 25\]: 24 is not 25/],
    ["rows", () => x.rows(input("i", [3])), /^rows: ids are input f32\[3\], i64 was expected/],
  ];
  test.each(mistakes)("%s", (_, mistake, message) => {
    expect(mistake).toThrow(ShapeError);
    expect(mistake).toThrow(message);
  });
});
