/** InternLM2 (Cai 2024): pre-norm, packed grouped queries, rotary positions with dynamic NTK, gated MLP, no bias. */
import { z } from "zod";
import { plus } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { attention, bias, causal, probabilities } from "../nn/attention.ts";
import { embedding, project, rmsNorm, silu } from "../nn/layers.ts";
import { rotary } from "../nn/rotary.ts";
import type { Weights } from "../weights/path.ts";
import { biasOf, type Cache, type Pass, type TextModel } from "./text-model.ts";

/** config.json's `llm_config`; literals are what the code computes. */
export const textConfig: z.ZodType<TextConfig> = z.object({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive(),
  hidden_act: z.literal("silu"),
  max_position_embeddings: z.int().positive(),
  rms_norm_eps: z.number(),
  rope_theta: z.number().positive(),
  rope_scaling: z.object({ type: z.literal("dynamic"), factor: z.number().min(1) }).nullable(),
  bias: z.literal(false),
  tie_word_embeddings: z.literal(false),
  eos_token_id: z.int(),
});
export interface TextConfig {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  hidden_act: "silu";
  max_position_embeddings: number;
  rms_norm_eps: number;
  rope_theta: number;
  rope_scaling: { type: "dynamic"; factor: number } | null;
  bias: false;
  tie_word_embeddings: false;
  eos_token_id: number;
}

/** InternLM2 under its published names. */
export function internlm2(w: Weights, c: TextConfig): TextModel {
  const { hidden_size: d, num_attention_heads: h, num_key_value_heads: k } = c;
  return {
    width: d,
    vocabulary: c.vocab_size,
    layers: c.num_hidden_layers,
    cacheShape: (b, t) => [b, k, 1, t, d / h],
    embed: (ids) => embedding(ids, w.model.tok_embeddings, c.vocab_size, d),
    head: (x) => project(x, w.output, c.vocab_size),
    states(x, pass) {
      const context = contextOf(x, c, pass);
      const states = [x];
      for (let i = 0; i < c.num_hidden_layers; i++) states.push(layer(states[i], w.model.layers[i], c, context));
      states.push(rmsNorm(states.pop()!, w.model.norm, c.rms_norm_eps));
      return states;
    },
    attentionOf(index, x, voters, pass) {
      const context = contextOf(x, c, pass);
      for (let i = 0; i < index; i++) x = layer(x, w.model.layers[i], c, context);
      const at = w.model.layers[index];
      const [q, k] = heads(rmsNorm(x, at.attention_norm, c.rms_norm_eps), at.attention, c, context.rotate);
      const asked = q.rearrange("1 k r t e -> t k r e").rows(voters).rearrange("t k r e -> 1 k r t e");
      return probabilities(asked, k, bias(causal(voters, x.shape[1]))).rearrange("1 k r t s -> 1 (k r) t s");
    },
  };
}

interface Context {
  rotate: (x: Tensor) => Tensor;
  bias: Tensor;
  cache?: Cache | undefined;
}

function contextOf(x: Tensor, c: TextConfig, pass: Pass): Context {
  const t = x.shape[1];
  const length = plus(pass.cache?.past ?? 0, t);
  const scaling = c.rope_scaling && { factor: c.rope_scaling.factor, trained: c.max_position_embeddings, length };
  return {
    rotate: rotary(pass.positions, c.hidden_size / c.num_attention_heads, c.rope_theta, scaling ?? undefined),
    bias: biasOf(t, pass),
    cache: pass.cache,
  };
}

/** x + GQA(RMS x), then x + SwiGLU(RMS x). x: [b, t, d] → [b, t, d]. */
function layer(x: Tensor, w: Weights, c: TextConfig, context: Context): Tensor {
  x = x.add(attend(rmsNorm(x, w.attention_norm, c.rms_norm_eps), w.attention, c, context));
  return x.add(mlp(rmsNorm(x, w.ffn_norm, c.rms_norm_eps), w.feed_forward, c));
}

/** Queries come in k groups of r heads that share one key and value head (Ainslie 2023); wqkv packs each group as r queries, key, value. */
function heads(x: Tensor, w: Weights, c: TextConfig, rotate: Context["rotate"]): [q: Tensor, k: Tensor, v: Tensor] {
  const { num_attention_heads: h, num_key_value_heads: k } = c;
  const r = h / k;
  const e = c.hidden_size / h;
  const packed = project(x, w.wqkv, (h + 2 * k) * e).rearrange("b t (k s e) -> b k s t e", { k, e });
  const slots = (from: number, to: number): Tensor => packed.slice(2, from, to);
  return [rotate(slots(0, r)), rotate(slots(r, r + 1)), slots(r + 1, r + 2)];
}

function attend(x: Tensor, w: Weights, c: TextConfig, { rotate, bias, cache }: Context): Tensor {
  const [q, k, v] = heads(x, w, c, rotate);
  const [keys, values] = cache ? cache.append(k, v) : [k, v];
  const y = attention(q, keys, values, bias).rearrange("b k r t e -> b t (k r e)");
  return project(y, w.wo, c.hidden_size, residual(c));
}

/** W₂(silu(W₁x) ⊙ W₃x) (Shazeer 2020). */
function mlp(x: Tensor, w: Weights, { hidden_size: d, intermediate_size: m, ...c }: TextConfig): Tensor {
  return project(silu(project(x, w.w1, m)).mul(project(x, w.w3, m)), w.w2, d, residual(c));
}

/** Branches start smaller the more of them are summed (Radford 2019). */
const residual = (c: Pick<TextConfig, "num_hidden_layers">): number => 1 / Math.sqrt(2 * c.num_hidden_layers);
