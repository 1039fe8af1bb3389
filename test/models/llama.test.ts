/** LLaMA and Qwen2 against the same computation written out in loops, in float64. */
import { describe, expect, test } from "vitest";
import { type LlamaConfig, llama, llamaConfig, sparseLlamaConfig } from "../../src/models/llama.ts";
import { decoded, embedded, type Turning } from "../support/plain-decoder.ts";
import { logits } from "../support/run.ts";
import { seeded } from "../support/seeded.ts";
import { gap } from "../support/values.ts";

const shape = {
  vocab_size: 13,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  hidden_act: "silu",
  max_position_embeddings: 4,
  rms_norm_eps: 1e-6,
  rope_theta: 500,
  rope_scaling: null,
  use_sliding_window: false,
  tie_word_embeddings: false,
} as const;

/** InternVL3's positions: of the base that transformers computes once the sequence is longer than the trained length. */
const dynamic: LlamaConfig = { ...shape, model_type: "qwen2", rope_scaling: { type: "dynamic", factor: 2 } };
const stretched = (c: LlamaConfig, length: number): Turning => {
  const e = c.hidden_size / c.num_attention_heads;
  const base = c.rope_theta * ((2 * length) / c.max_position_embeddings - 1) ** (e / (e - 2));
  return { angle: (position, pair) => position * base ** ((-2 * pair) / e) };
};

const ids = [3, 0, 12, 7, 7, 1];
const cases: [string, LlamaConfig, Turning?][] = [
  ["LLaMA", { ...shape, model_type: "llama" }],
  ["Qwen2", { ...shape, model_type: "qwen2" }],
  ["Qwen2 with a tied head", { ...shape, model_type: "qwen2", tie_word_embeddings: true }],
  ["Qwen2 beyond the trained length", dynamic, stretched(dynamic, ids.length)],
];

describe.each(cases)("%s", (_, c, turning) => {
  const { w, values } = seeded();
  const model = llama(w, c);

  test("gives the logits of the computation in loops", async () => {
    const found = await logits(model, values, ids);
    const weights = values();
    const expected = decoded(embedded(ids, c, weights), c, weights, "", turning);
    expect(gap(found, expected.flat())).toBeLessThan(1e-6);
  });

  test("asks for the published names", () => {
    const { model_type, tie_word_embeddings: tied } = c;
    const keys = Object.keys(values());
    expect(keys.includes("lm_head.weight")).toBe(!tied);
    expect(keys.includes("model.layers.1.self_attn.k_proj.bias")).toBe(model_type === "qwen2");
    expect(keys).toHaveLength(2 + (tied ? 0 : 1) + 2 * (model_type === "qwen2" ? 12 : 9));
  });
});

// Beyond the trained length the base grows with each token, and keys stay as they were turned: as published.
test.each(cases.filter(([, c]) => c.rope_scaling === null))("%s reads a prompt in pieces as in one", async (_, c) => {
  const { w, values } = seeded();
  const model = llama(w, c);
  const pieces = await logits(model, values, ids.slice(0, 3), ids.slice(3, 4), ids.slice(4));
  expect(gap(pieces, await logits(model, values, ids))).toBeLessThan(1e-6);
});

describe("config.json", () => {
  test("of a Vicuna says only what is not LLaMA-7B's", () => {
    expect(sparseLlamaConfig.parse({ model_type: "llama", rms_norm_eps: 1e-5, vocab_size: 32064 })).toMatchObject({
      vocab_size: 32064,
      hidden_size: 4096,
      num_key_value_heads: 32,
      rms_norm_eps: 1e-5,
      rope_theta: 10_000,
    });
    expect(sparseLlamaConfig.parse({ model_type: "llama", num_attention_heads: 40 }).num_key_value_heads).toBe(40);
  });

  test.each<[string, object]>([
    ["use_sliding_window", { use_sliding_window: true }],
    ["rope_scaling.type", { rope_scaling: { type: "linear", factor: 2 } }],
    ["model_type", { model_type: "mistral" }],
    ["num_key_value_heads", { num_key_value_heads: undefined }],
  ])("is refused for %s", (path, change) => {
    const result = llamaConfig.safeParse({ ...shape, model_type: "llama", ...change });
    expect(result.error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
});
