/** What InternViT does besides the authors' numbers (eval/verify.test.ts): its options, and drop path. */
import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import type { Value } from "../../src/graph/op.ts";
import { input } from "../../src/graph/tensor.ts";
import { internVit, type VisionConfig } from "../../src/models/intern-vit.ts";
import { seeded } from "../support/seeded.ts";
import { drawn, gap, value } from "../support/values.ts";

const base: VisionConfig = {
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  image_size: 4,
  patch_size: 2,
  norm_type: "layer_norm",
  layer_norm_eps: 1e-6,
  hidden_act: "gelu",
  qkv_bias: true,
  qk_normalization: false,
  initializer_factor: 1,
  drop_path_rate: 0,
};
const shape = [2, 3, 4, 4];
const pixels = drawn(shape, 99);

/** The last state under a configuration, with some weights changed. */
function last(c: VisionConfig, change: (weights: Record<string, Value>) => void = () => undefined): Float64Array {
  const { w, values } = seeded();
  const y = internVit(input("pixels", shape), w, c).at(-1)!;
  const given = values();
  change(given);
  return evaluate({ y }, { pixels, ...given }).y.data;
}

describe("normalised queries and keys", () => {
  const normalised = { ...base, qk_normalization: true };
  /** Multiplies the rows of a layer's qkv that make queries, or keys. */
  const scaled = (part: "query" | "key", by: number) => (weights: Record<string, Value>) => {
    for (const name of ["weight", "bias"]) {
      const { data } = weights[`encoder.layers.0.attn.qkv.${name}`];
      const third = data.length / 3;
      const from = part === "query" ? 0 : third;
      for (let i = from; i < from + third; i++) data[i] *= by;
    }
  };

  test.each(["query", "key"] as const)("do not depend on the scale of the %s weights", (part) => {
    expect(gap(last(normalised, scaled(part, 5)), last(normalised))).toBeLessThan(1e-5);
    expect(gap(last(base, scaled(part, 5)), last(base))).toBeGreaterThan(1e-3);
  });

  test("have a weight of the whole width, over all heads", () => {
    const { w, values } = seeded();
    internVit(input("pixels", shape), w, normalised);
    const norms = Object.entries(values()).filter(([key]) => key.includes("_norm."));
    expect(Object.fromEntries(norms.map(([key, { shape }]) => [key, shape]))).toEqual({
      "encoder.layers.0.attn.q_norm.weight": [8],
      "encoder.layers.0.attn.k_norm.weight": [8],
      "encoder.layers.1.attn.q_norm.weight": [8],
      "encoder.layers.1.attn.k_norm.weight": [8],
    });
  });
});

test("without qkv_bias there is no such weight, and the numbers are those of a bias of zero", () => {
  const { w, values } = seeded();
  internVit(input("pixels", shape), w, { ...base, qkv_bias: false });
  expect(Object.keys(values()).filter((key) => key.endsWith("qkv.bias"))).toEqual([]);
  const zero = (weights: Record<string, Value>): void => {
    for (const key of Object.keys(weights)) if (key.endsWith("qkv.bias")) weights[key].data.fill(0);
  };
  const { w: without, values: given } = seeded();
  const y = internVit(input("pixels", shape), without, { ...base, qkv_bias: false }).at(-1)!;
  const { w: withBias, values: all } = seeded();
  const z = internVit(input("pixels", shape), withBias, base).at(-1)!;
  const shared = all();
  zero(shared);
  const same = Object.fromEntries(Object.keys(given()).map((key) => [key, shared[key]]));
  expect(gap(evaluate({ y }, { pixels, ...same }).y.data, evaluate({ z }, { pixels, ...shared }).z.data)).toBe(0);
});

describe("drop path", () => {
  const { w, values } = seeded();
  const states = internVit(input("pixels", shape), w, base, input("keep", [4, 2]));
  const kept = (...scales: number[]): Float64Array[] => {
    const graph = { first: states[0], last: states.at(-1)! };
    const found = evaluate(graph, { pixels, keep: value([4, 2], ...scales), ...values() });
    return [found.first.data, found.last.data];
  };

  test("that keeps every branch changes nothing", () => {
    expect(gap(kept(1, 1, 1, 1, 1, 1, 1, 1)[1], last(base))).toBe(0);
  });

  test("that drops every branch of a tile leaves its embedding, and the other tile as it was", () => {
    const [embedded, found] = kept(0, 1, 0, 1, 0, 1, 0, 1);
    const half = found.length / 2;
    expect([...found.slice(0, half)]).toEqual([...embedded.slice(0, half)]);
    expect([...found.slice(half)]).toEqual([...last(base).slice(half)]);
  });
});

test("an image whose sides are no multiple of the patch is refused", () => {
  expect(() => internVit(input("pixels", [1, 3, 5, 4]), seeded().w, base)).toThrow(/5 is not a multiple of 2/);
});
