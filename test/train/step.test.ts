/** The optimiser step as a graph, against AdamW written out by hand and against itself with micro-batches. */
import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import type { Value } from "../../src/graph/op.ts";
import { input, node } from "../../src/graph/tensor.ts";
import { accumulation, update } from "../../src/train/step.ts";

const optimizer = { beta1: 0.9, beta2: 0.98, eps: 1e-8, weightDecay: 0.1, maxNorm: 0.5, muon: false, mean: 0 };
const value = (shape: number[], ...data: number[]): Value => ({ shape, data: Float64Array.from(data) });

const x = input("x", [3, 2]);
const w = node("param", [], { key: "w", shape: [2, 2], dtype: "f32" });
const b = node("param", [], { key: "b", shape: [2], dtype: "f32" });
const error = x.apply("project", [w, b]).sub(1);
const loss = error.mul(error).mean([0, 1]).reshape([1]);
const params = new Map([
  ["w", w],
  ["b", b],
]);

const start = { w: value([2, 2], 0.5, -0.3, 0.8, 0.1), b: value([2], 0.2, -0.1) };
const moments = {
  "momentum.w": value([2, 2], 0.01, 0.02, -0.03, 0),
  "variance.w": value([2, 2], 0.1, 0.2, 0.3, 0.1),
  "momentum.b": value([2], 0, 0.05),
  "variance.b": value([2], 0.01, 0.02),
};
const rates = { lr: value([1], 0.01), ages: value([2], 3, 7) };
const data = [0.3, -1.2, 0.7, 0.4, -0.5, 0.9];

/** Gradient of the mean squared error, row by row. */
function byHand(rows: readonly number[]): { w: number[]; b: number[] } {
  const g = { w: [0, 0, 0, 0], b: [0, 0] };
  const n = rows.length / 2;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < 2; j++) {
      const y = rows[2 * i] * start.w.data[2 * j] + rows[2 * i + 1] * start.w.data[2 * j + 1] + start.b.data[j];
      const d = (2 * (y - 1)) / (2 * n);
      g.w[2 * j] += d * rows[2 * i];
      g.w[2 * j + 1] += d * rows[2 * i + 1];
      g.b[j] += d;
    }
  return g;
}

test("one step is AdamW with clipping by the global norm, each parameter at its own age, vectors without decay", () => {
  const found = evaluate(update(loss, params, optimizer), {
    ...start,
    ...moments,
    ...rates,
    x: value([3, 2], ...data),
  });
  const g = byHand(data);
  const norm = Math.hypot(...g.w, ...g.b);
  expect(norm).toBeGreaterThan(optimizer.maxNorm);
  expect(found.norm.data[0]).toBeCloseTo(norm, 12);
  for (const [key, age, decay] of [
    ["w", 3, 0.1],
    ["b", 7, 0],
  ] as const)
    g[key].forEach((raw, i) => {
      const clipped = (raw * optimizer.maxNorm) / norm;
      const m = 0.9 * moments[`momentum.${key}`].data[i] + 0.1 * clipped;
      const v = 0.98 * moments[`variance.${key}`].data[i] + 0.02 * clipped ** 2;
      const p = start[key].data[i];
      const direction = m / (1 - 0.9 ** age) / (Math.sqrt(v / (1 - 0.98 ** age)) + 1e-8);
      expect(found[`next.${key}`].data[i]).toBeCloseTo(p - 0.01 * (direction + decay * p), 12);
      expect(found[`next.momentum.${key}`].data[i]).toBeCloseTo(m, 12);
      expect(found[`next.variance.${key}`].data[i]).toBeCloseTo(v, 12);
    });
});

test.each([
  ["old", 5000, 0.99],
  ["young", 3, (1 + 3) / (10 + 3)],
])("the mean of a parameter %s in its steps moves towards what the step makes of it", (_, age, kept) => {
  const found = evaluate(update(loss, params, { ...optimizer, mean: 0.99 }), {
    ...start,
    ...moments,
    "mean.w": value([2, 2], 1, 2, 3, 4),
    "mean.b": value([2], 5, 6),
    lr: value([1], 0.01),
    ages: value([2], age, age),
    x: value([3, 2], ...data),
  });
  [1, 2, 3, 4].forEach((before, i) => {
    const after = kept * before + (1 - kept) * found["next.w"].data[i];
    expect(found["next.mean.w"].data[i]).toBeCloseTo(after, 12);
  });
});

test("three accumulated micro-batches step as their mean gradient does", () => {
  const rows = [0, 1, 2].map((i) => [
    ...data.slice(2 * i, 2 * i + 2),
    ...data.slice(2 * i, 2 * i + 2),
    ...data.slice(2 * i, 2 * i + 2),
  ]);
  const feed = (i: number, before: Record<string, Value>): Record<string, Value> => ({
    ...start,
    ...before,
    x: value([3, 2], ...rows[i]),
  });
  let gradients: Record<string, Value> = { "gradient.w": value([2, 2], 0, 0, 0, 0), "gradient.b": value([2], 0, 0) };
  for (const i of [0, 1]) {
    const sums = evaluate(accumulation(loss, params, 3), feed(i, gradients));
    gradients = Object.fromEntries(Object.entries(sums).map(([name, v]) => [name.slice("next.".length), v]));
  }
  const micro = evaluate(update(loss, params, optimizer, 3), { ...feed(2, gradients), ...moments, ...rates });
  const whole = evaluate(update(loss, params, optimizer), {
    ...start,
    ...moments,
    ...rates,
    x: value([3, 2], ...data),
  });
  for (const name of Object.keys(whole))
    micro[name].data.forEach((v, i) => {
      expect(v).toBeCloseTo(whole[name].data[i], 12);
    });
});

describe("Muon", () => {
  const muon = { ...optimizer, beta1: 0, maxNorm: 1e9, muon: true };
  const key = "model.layers.0.w";
  /** The change of a hidden matrix whose gradient is `g`, at rate 1 and without decay. */
  function change(g: readonly (readonly number[])[], o = { ...muon, weightDecay: 0 }): number[][] {
    const shape = [g.length, g[0].length];
    const p = node("param", [], { key, shape, dtype: "f32" });
    const zero = value(shape, ...g.flat().map(() => 0));
    const found = evaluate(update(p.mul(input("g", shape)).sum([0, 1]).reshape([1]), new Map([[key, p]]), o), {
      [key]: zero,
      [`momentum.${key}`]: zero,
      g: value(shape, ...g.flat()),
      lr: value([1], 1),
      ages: value([1], 1),
    });
    expect(Object.keys(found).sort()).toEqual(["norm", `next.${key}`, `next.momentum.${key}`].sort());
    const { data } = found[`next.${key}`];
    return g.map((row, i) => row.map((_, j) => data[i * row.length + j]));
  }
  const transposed = (a: readonly (readonly number[])[]): number[][] => a[0].map((_, j) => a.map((row) => row[j]));

  // The nearest orthogonal matrix to [[a, b], [c, d]] is the matrix plus, or minus where its determinant is negative, its cofactors, scaled.
  test.each([
    [
      "a rotation, stretched",
      [
        [3, -0.4],
        [0.5, 0.2],
      ],
    ],
    [
      "a reflection, stretched",
      [
        [0.1, 2],
        [1, -0.3],
      ],
    ],
    [
      "of tiny entries",
      [
        [3e-5, 1e-5],
        [-2e-5, 4e-5],
      ],
    ],
  ])("moves every direction of a gradient that is %s, by about the same length", (_, g) => {
    const [[a, b], [c, d]] = g;
    const sign = Math.sign(a * d - b * c);
    const q = [
      [a + sign * d, b - sign * c],
      [c - sign * b, d + sign * a],
    ];
    const length = Math.hypot(q[0][0], q[1][0]);
    const step = change(g).map((row) => row.map((v) => -v / (0.2 * Math.sqrt(2))));
    // UVᵀ's transpose times U·diag(s)·Vᵀ is V·diag(s)·Vᵀ: symmetric, its eigenvalues s.
    const s = [0, 1].map((i) => [0, 1].map((j) => (q[0][i] * step[0][j] + q[1][i] * step[1][j]) / length));
    expect(s[0][1]).toBeCloseTo(s[1][0], 9);
    const [mean, spread] = [(s[0][0] + s[1][1]) / 2, Math.hypot((s[0][0] - s[1][1]) / 2, s[0][1])];
    expect(mean - spread).toBeGreaterThan(0.65);
    expect(mean + spread).toBeLessThan(1.25);
  });

  test.each([
    ["vision_model.encoder.layers.0.attn.qkv.weight", [6, 2], true],
    ["visual_encoder.blocks.3.mlp.fc1.weight", [6, 2], true],
    ["Qformer.bert.encoder.layer.1.attention.self.query.weight", [2, 2], true],
    ["mlp1.1.weight", [2, 2], true],
    ["visual_encoder.blocks.3.mlp.fc1.bias", [6], false],
    ["llama_model.base_model.model.model.layers.0.self_attn.dense.lora_A.weight", [2, 4], false],
    ["llama_model.model.embed_tokens.weight", [9, 2], false],
    ["llama_proj.weight", [4, 2], false],
  ])("%s of %j is a hidden matrix: %s", (key, shape, is) => {
    const p = node("param", [], { key, shape, dtype: "f32" });
    const loss = p.sum(shape.map((_, axis) => axis)).reshape([1]);
    expect(`next.variance.${key}` in update(loss, new Map([[key, p]]), muon)).toBe(!is);
  });

  test("a tall matrix moves as its transpose does", () => {
    const g = [
      [1, 2],
      [-0.5, 0.3],
      [0.7, -0.1],
    ];
    const tall = change(g);
    for (const [i, row] of transposed(change(transposed(g))).entries())
      for (const [j, v] of row.entries()) expect(v).toBeCloseTo(tall[i][j], 12);
  });

  test("momentum sums gradients, 0.95 of it kept, and the weight decays by the rate", () => {
    const p = node("param", [], { key, shape: [1, 1], dtype: "f32" });
    const found = evaluate(update(p.mul(input("g", [1, 1])).reshape([1]), new Map([[key, p]]), muon), {
      [key]: value([1, 1], 5),
      [`momentum.${key}`]: value([1, 1], 2),
      g: value([1, 1], 3),
      lr: value([1], 0.1),
      ages: value([1], 4),
    });
    expect(found[`next.momentum.${key}`].data[0]).toBeCloseTo(0.95 * 2 + 3, 12);
    // A number's direction is 1, five Newton–Schulz steps from 1.
    let x = 1;
    for (let i = 0; i < 5; i++) x = 3.4445 * x - 4.775 * x ** 3 + 2.0315 * x ** 5;
    expect(found[`next.${key}`].data[0]).toBeCloseTo(5 - 0.1 * (0.2 * x + 0.1 * 5), 6);
  });
});
