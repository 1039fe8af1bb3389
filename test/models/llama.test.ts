/** LLaMA and Qwen2 against the same computation written out in loops, in float64. */
import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import type { Value } from "../../src/graph/op.ts";
import { input, iota } from "../../src/graph/tensor.ts";
import { type LlamaConfig, llama } from "../../src/models/llama.ts";
import { seeded } from "../support/seeded.ts";
import { gap, value } from "../support/values.ts";

const shape = {
  vocab_size: 13,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  hidden_act: "silu",
  max_position_embeddings: 64,
  rms_norm_eps: 1e-6,
  rope_theta: 500,
  rope_scaling: null,
  use_sliding_window: false,
} as const;

type Rows = number[][];

/** The published forward pass (transformers, modeling_llama and modeling_qwen2), token by token. */
function logits(ids: readonly number[], c: LlamaConfig, weights: Record<string, Value>): Rows {
  const at = (key: string): Value => weights[key];
  const times = (x: number[], key: string): number[] => {
    const { shape, data } = at(`${key}.weight`);
    const bias = weights[`${key}.bias`]?.data;
    return Array.from({ length: shape[0] }, (_, i) =>
      x.reduce((sum, v, j) => sum + v * data[i * shape[1] + j], bias ? bias[i] : 0),
    );
  };
  const norm = (x: number[], key: string): number[] => {
    const size = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + c.rms_norm_eps);
    return x.map((v, i) => (v / size) * at(`${key}.weight`).data[i]);
  };
  const plus = (x: number[], y: number[]): number[] => x.map((v, i) => v + y[i]);
  const e = c.hidden_size / c.num_attention_heads;
  const head = (x: number[], i: number): number[] => x.slice(i * e, (i + 1) * e);
  const turned = (x: number[], position: number): number[] =>
    x.map((v, j) => {
      const pair = j % (e / 2);
      const angle = position * c.rope_theta ** ((-2 * pair) / e);
      const other = j < e / 2 ? -x[j + e / 2] : x[j - e / 2];
      return v * Math.cos(angle) + other * Math.sin(angle);
    });
  let states: Rows = ids.map((id) => [
    ...at("model.embed_tokens.weight").data.slice(id * c.hidden_size, (id + 1) * c.hidden_size),
  ]);
  for (let layer = 0; layer < c.num_hidden_layers; layer++) {
    const own = `model.layers.${layer}`;
    const normed = states.map((x) => norm(x, `${own}.input_layernorm`));
    const [q, k, v] = ["q", "k", "v"].map((part) => normed.map((x) => times(x, `${own}.self_attn.${part}_proj`)));
    states = states.map((x, t) => {
      const heads = [...Array(c.num_attention_heads).keys()].map((h) => {
        const group = Math.floor((h * c.num_key_value_heads) / c.num_attention_heads);
        const query = turned(head(q[t], h), t);
        const scores = k
          .slice(0, t + 1)
          .map((row, s) => turned(head(row, group), s).reduce((sum, y, j) => sum + y * query[j], 0) / Math.sqrt(e));
        const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
        return scores.reduce<number[]>(
          (sum, score, s) =>
            plus(
              sum,
              head(v[s], group).map((y) => (y * Math.exp(score)) / total),
            ),
          Array(e).fill(0),
        );
      });
      return plus(x, times(heads.flat(), `${own}.self_attn.o_proj`));
    });
    states = states.map((x) => {
      const y = norm(x, `${own}.post_attention_layernorm`);
      const up = times(y, `${own}.mlp.up_proj`);
      const inner = times(y, `${own}.mlp.gate_proj`).map((g, i) => (g / (1 + Math.exp(-g))) * up[i]);
      return plus(x, times(inner, `${own}.mlp.down_proj`));
    });
  }
  const last = c.tie_word_embeddings ? "model.embed_tokens" : "lm_head";
  return states.map((x) => times(norm(x, "model.norm"), last));
}

describe.each([
  ["llama", false],
  ["qwen2", false],
  ["qwen2", true],
] as const)("%s, tied head: %s", (model_type, tie_word_embeddings) => {
  const c: LlamaConfig = { ...shape, model_type, tie_word_embeddings };
  const { w, values } = seeded();
  const ids = [3, 0, 12, 7, 7, 1];
  const model = llama(w, c);
  const x = model.embed(input("ids", [1, ids.length], "i64"));
  const pass = { positions: iota(ids.length).reshape([1, ids.length]) };
  const graph = { y: model.head(model.states(x, pass).at(-1)!) };

  test("gives the logits of the computation in loops", () => {
    const weights = values();
    const { y } = evaluate(graph, { ids: value([1, ids.length], ...ids), ...weights });
    expect(gap(y.data, logits(ids, c, weights).flat())).toBeLessThan(1e-12);
  });

  test("asks for the published names", () => {
    const keys = Object.keys(values());
    expect(keys.includes("lm_head.weight")).toBe(!tie_word_embeddings);
    expect(keys.includes("model.layers.1.self_attn.k_proj.bias")).toBe(model_type === "qwen2");
    expect(keys).toHaveLength(2 + (tie_word_embeddings ? 0 : 1) + 2 * (model_type === "qwen2" ? 12 : 9));
  });
});
