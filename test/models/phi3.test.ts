/** Phi-3-mini: the published names at full size, and the published computation in loops. */
import { describe, expect, test } from "vitest";
import type { Engine } from "../../src/graph/engine.ts";
import { longest, steady, switchesAt } from "../../src/models/decoder.ts";
import { type Phi3Config, phi3, phi3Config } from "../../src/models/phi3.ts";
import { languageGraph, openLanguage } from "../../src/run/language.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { decoded, embedded, type Turning } from "../support/plain-decoder.ts";
import { asked, parameters, phi3Shapes } from "../support/published.ts";
import { logits } from "../support/run.ts";
import { seeded } from "../support/seeded.ts";
import { drawn, floats, gap } from "../support/values.ts";

/** config.json of microsoft/Phi-3-mini-4k-instruct, as far as the code reads it. */
const mini4k = {
  model_type: "phi3",
  vocab_size: 32064,
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  hidden_act: "silu",
  max_position_embeddings: 4096,
  original_max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  rope_scaling: null,
  sliding_window: 2047,
  tie_word_embeddings: false,
};

describe("Phi-3-mini", () => {
  const shapes = asked((w) => languageGraph(phi3(w, phi3Config.parse(mini4k))));

  test("asks for the published weights in their shapes", () => {
    expect(shapes).toEqual(phi3Shapes("", { v: 32064, d: 3072, m: 8192, layers: 32, kv: 3072 }));
  });

  test("has the published 3.82 billion parameters", () => {
    expect(parameters(shapes)).toBe(3_821_079_552);
  });

  test("reads no further than its window", () => {
    expect(longest(phi3Config.parse(mini4k))).toBe(2047);
    expect(longest(phi3Config.parse({ ...mini4k, sliding_window: null }))).toBe(4096);
  });
});

const tiny: Phi3Config = {
  model_type: "phi3",
  vocab_size: 13,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  hidden_act: "silu",
  max_position_embeddings: 64,
  original_max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 500,
  rope_scaling: null,
  partial_rotary_factor: 1,
  tie_word_embeddings: false,
};
const [short, long] = [
  [1, 1.1, 1.5],
  [1.2, 4, 30],
];
const scaled = (trained: number): Phi3Config => ({
  ...tiny,
  original_max_position_embeddings: trained,
  rope_scaling: { type: "su", short_factor: short, long_factor: long },
});
/** Phi3SuScaledRotaryEmbedding of the published modeling_phi3.py. */
const su = (factors: readonly number[], trained: number): Turning => ({
  angle: (position, pair) => position / (factors[pair] * 500 ** (pair / 3)),
  amplitude: Math.sqrt(1 + Math.log(64 / trained) / Math.log(trained)),
});

const ids = [3, 0, 12, 7, 7, 1];
const cases: [string, Phi3Config, Turning?][] = [
  ["plain positions", tiny],
  ["long positions up to the original length", scaled(6), su(short, 6)],
  ["long positions beyond it", scaled(5), su(long, 5)],
];

describe.each(cases)("%s", (_, c, turning) => {
  test("give the logits of the computation in loops", async () => {
    const { w, values } = seeded();
    const found = await logits(phi3(w, c), values, ids);
    const weights = values();
    const expected = decoded(embedded(ids, c, weights), c, weights, "", turning);
    expect(gap(found, expected.flat())).toBeLessThan(1e-6);
  });
});

test.each(cases.slice(0, 2))("%s read a prompt in pieces as in one", async (_, c) => {
  const { w, values } = seeded();
  const model = phi3(w, c);
  const pieces = await logits(model, values, ids.slice(0, 3), ids.slice(3, 4), ids.slice(4));
  expect(gap(pieces, await logits(model, values, ids))).toBeLessThan(1e-6);
});

test("an answer that crosses the original length goes on as if all of it had been read with the long factors", async () => {
  const c = scaled(5);
  const all = [...ids, 9, 4];
  const { w, values } = seeded();
  const model = phi3(w, c);
  const graph = languageGraph(model);
  const weights = values();
  const given = Object.fromEntries(Object.entries(weights).map(([key, weight]) => [key, floats(weight)]));
  const engine: Engine = {
    async open(graph) {
      const session = await ortNode({ threads: 1 }).open(graph);
      return { run: (feeds) => session.run({ ...given, ...feeds }), close: () => session.close() };
    },
  };
  const sizes = { width: c.hidden_size, longest: longest(c), steady: steady(c), switchesAt: switchesAt(c) };
  const language = await openLanguage(engine, graph, sizes, 12);

  // The visual token stands at the place of id 12.
  const seen = Array.from(drawn([c.hidden_size], 7).data, Math.fround);
  const prompt = { ids: all.slice(0, 3), features: Float32Array.from(seen) };
  const seat = await language.take(prompt);
  const expected = (n: number): number[] => {
    const x = embedded(all.slice(0, n), c, weights).map((row, i) => (all[i] === 12 ? seen : row));
    return decoded(x, c, weights, "", su(n > 5 ? long : short, 5)).at(-1)!;
  };
  for (let round = 0; round < 2; round++) {
    expect(gap(await seat.prefill(prompt), expected(3))).toBeLessThan(1e-6);
    for (let n = 4; n <= all.length; n++)
      expect([n, gap(await seat.step(all[n - 1]), expected(n)) < 1e-6]).toEqual([n, true]);
  }
  await language.close();
});

test.each<[string, object]>([
  ["rope_scaling.type", { rope_scaling: { type: "yarn", short_factor: [], long_factor: [] } }],
  ["rope_scaling.long_factor", { rope_scaling: { type: "su", short_factor: Array(48).fill(1), long_factor: [1] } }],
  ["partial_rotary_factor", { partial_rotary_factor: 0.75 }],
  ["tie_word_embeddings", { tie_word_embeddings: true }],
])("a config.json with another %s is refused", (path, change) => {
  const result = phi3Config.safeParse({ ...mini4k, ...change });
  expect(result.error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
});
