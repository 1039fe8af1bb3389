/** What InternLM2 promises besides the authors' numbers (eval/verify.test.ts): caches, segments, long positions. */
import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import type { Value } from "../../src/graph/op.ts";
import { size } from "../../src/graph/shape.ts";
import { input, iota } from "../../src/graph/tensor.ts";
import { growingCache } from "../../src/models/cache.ts";
import { internlm2, type TextConfig } from "../../src/models/internlm2.ts";
import { attentionOf } from "../../src/models/text-model.ts";
import { seeded } from "../support/seeded.ts";
import { drawn, gap, value } from "../support/values.ts";

const c: TextConfig = {
  vocab_size: 11,
  hidden_size: 16,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  hidden_act: "silu",
  max_position_embeddings: 6,
  rms_norm_eps: 1e-5,
  rope_theta: 100,
  rope_scaling: null,
  bias: false,
  tie_word_embeddings: false,
  eos_token_id: 2,
};
const d = c.hidden_size;
const { w, values } = seeded();

const upTo = (t: number): Value => value([1, t], ...Array(t).keys());
const first = (x: Value, t: number): Value => ({ shape: [1, t, d], data: x.data.slice(0, t * d) });

/** Last hidden states of embeddings [1, t, d]. */
function read(x: Value, config: TextConfig = c, positions: Value = upTo(x.shape[1]), segments?: Value): Float64Array {
  const [, t] = x.shape;
  const pass = {
    positions: input("positions", [1, t], "i64"),
    ...(segments && { segments: input("segments", [1, t], "i64") }),
  };
  const y = internlm2(w, config)
    .states(input("x", [1, t, d]), pass)
    .at(-1)!;
  return evaluate({ y }, { x, positions, ...(segments && { segments }), ...values() }).y.data;
}

const row = (data: Float64Array, i: number): Float64Array => data.slice(i * d, (i + 1) * d);

test("a token's state does not depend on those after it", () => {
  const x = drawn([1, 6, d], 5);
  expect(gap(read(first(x, 4)), read(x).slice(0, 4 * d))).toBeLessThan(1e-12);
});

test("a prompt of six is a prompt of four and a step of two with its cache", () => {
  const x = drawn([1, 6, d], 6);
  const [t, past] = [size("tokens"), size("past")];
  const cache = growingCache(internlm2(w, c), 1, past);
  const pass = { positions: input("positions", [1, t], "i64"), cache };
  const graph = {
    y: internlm2(w, c)
      .states(input("x", [1, t, d]), pass)
      .at(-1)!,
    ...cache.outputs,
  };
  const names = Object.keys(cache.outputs);
  const empty = Object.fromEntries(names.map((name) => [name.replace("present", "past"), value([1, 2, 1, 0, 4])]));
  const prompt = evaluate(graph, { x: first(x, 4), positions: upTo(4), ...empty, ...values() });
  const kept = Object.fromEntries(names.map((name) => [name.replace("present", "past"), prompt[name]]));
  const rest = { shape: [1, 2, d], data: x.data.slice(4 * d) };
  const step = evaluate(graph, { x: rest, positions: value([1, 2], 4, 5), ...kept, ...values() });
  expect(step["present.1.value"].shape).toEqual([1, 2, 1, 6, 4]);
  expect(gap([...prompt.y.data, ...step.y.data], read(x))).toBeLessThan(1e-12);
});

describe("segments", () => {
  const x = drawn([1, 6, d], 7);
  const parts = (...at: number[]): Value => ({
    shape: [1, at.length, d],
    data: Float64Array.from(at.flatMap((i) => [...row(x.data, i)])),
  });

  test("behind a shared prefix do not see each other", () => {
    // Two tokens of prefix, then two segments of two, both at the positions they would have alone.
    const packed = read(x, c, value([1, 6], 0, 1, 2, 3, 2, 3), value([1, 6], 0, 0, 1, 1, 2, 2));
    expect(gap(packed.slice(0, 4 * d), read(first(x, 4)))).toBeLessThan(1e-12);
    expect(gap(packed.slice(4 * d), read(parts(0, 1, 4, 5)).slice(2 * d))).toBeLessThan(1e-12);
  });

  test("of padding on the right change nothing before them", () => {
    const padded = read(x, c, value([1, 6], 0, 1, 2, 3, 0, 0), value([1, 6], 0, 0, 0, 0, -1, -1));
    expect(gap(padded.slice(0, 4 * d), read(first(x, 4)))).toBeLessThan(1e-12);
  });

  test("of padding on the left change nothing behind them, and are numbers", () => {
    const padded = read(x, c, value([1, 6], 1, 1, 0, 1, 2, 3), value([1, 6], -1, -1, 0, 0, 0, 0));
    expect(gap(padded.slice(2 * d), read(parts(2, 3, 4, 5)))).toBeLessThan(1e-12);
    expect(padded.every(Number.isFinite)).toBe(true);
  });
});

describe("dynamic positions", () => {
  const dynamic: TextConfig = { ...c, rope_scaling: { type: "dynamic", factor: 2 } };
  const x = drawn([1, 9, d], 8);

  test("up to the trained length are plain ones", () => {
    expect(gap(read(first(x, 6), dynamic), read(first(x, 6)))).toBe(0);
  });

  test("beyond it are those of the base θ · (f·L/M − (f − 1))^(e/(e−2))", () => {
    const stretched = 100 * ((2 * 9) / 6 - 1) ** (4 / 2);
    expect(gap(read(x, dynamic), read(x, { ...c, rope_theta: stretched }))).toBeLessThan(1e-12);
    expect(gap(read(x, dynamic), read(x))).toBeGreaterThan(1e-4);
  });
});

describe("attention of a layer", () => {
  const x = drawn([1, 5, d], 9);
  const seen = (layer: number, ...voters: number[]): Value => {
    const pass = { positions: iota(5).reshape([1, 5]) };
    const y = attentionOf(internlm2(w, c), layer, input("x", [1, 5, d]), input("voters", [voters.length], "i64"), pass);
    return evaluate({ y }, { x, voters: value([voters.length], ...voters), ...values() }).y;
  };

  test.each([0, 1])("%d: each voter gives each head 1, to itself and what came before", (layer) => {
    const { shape, data } = seen(layer, 0, 1, 2, 3, 4);
    expect(shape).toEqual([1, 4, 5, 5]);
    for (let head = 0; head < 4; head++)
      for (let voter = 0; voter < 5; voter++) {
        const votes = data.slice((head * 5 + voter) * 5, (head * 5 + voter + 1) * 5);
        expect(votes.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
        expect(votes.slice(voter + 1).every((vote) => vote === 0)).toBe(true);
      }
  });

  test("asked of a few voters is that of all, at their rows", () => {
    const [all, few] = [seen(1, 0, 1, 2, 3, 4), seen(1, 4, 2)];
    for (let head = 0; head < 4; head++)
      for (const [i, voter] of [4, 2].entries())
        expect([...few.data.slice((head * 2 + i) * 5, (head * 2 + i + 1) * 5)]).toEqual([
          ...all.data.slice((head * 5 + voter) * 5, (head * 5 + voter + 1) * 5),
        ]);
  });
});
