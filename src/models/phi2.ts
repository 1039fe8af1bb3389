/** Phi-2 with the three norms that TinyGPT-V adds to each layer (Yuan 2023, arXiv 2312.16862, section 3.1), and its low-rank adapters. */
import { z } from "zod";
import { concat, type Tensor } from "../graph/tensor.ts";
import { embedding, geluTanh, layerNorm, linear, project, residual, rmsNorm } from "../nn/layers.ts";
import { rotary } from "../nn/rotary.ts";
import type { Weights } from "../weights/path.ts";
import { type Attend, nothing } from "./cache.ts";
import type { Pass, TextModel } from "./text-model.ts";

/** config.json of Phi-2; literals are what the code computes. */
export const phi2Config: z.ZodType<Phi2Config> = z.object({
  model_type: z.literal("phi"),
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  partial_rotary_factor: z.number().positive().max(1),
  rope_theta: z.number().positive(),
  rope_scaling: z.null(),
  max_position_embeddings: z.int().positive(),
  layer_norm_eps: z.number(),
  hidden_act: z.literal("gelu_new"),
  tie_word_embeddings: z.literal(false),
});
export interface Phi2Config {
  model_type: "phi";
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  partial_rotary_factor: number;
  rope_theta: number;
  rope_scaling: null;
  max_position_embeddings: number;
  layer_norm_eps: number;
  hidden_act: "gelu_new";
  tie_word_embeddings: false;
}

/** Adapters beside `query_key_value` and `dense`: y + α/r · B(A x) (Hu 2021). */
export const loraConfig: z.ZodType<LoraConfig> = z.object({ r: z.int().positive(), lora_alpha: z.number().positive() });
export interface LoraConfig {
  r: number;
  lora_alpha: number;
}

/** ε of the norm behind the attention; no configuration has it. */
const postEps = 1e-6;

/** Phi-2 under the names of its checkpoints; with `lora`, those of PEFT's adapters too. */
export function phi2(w: Weights, c: Phi2Config, lora?: LoraConfig): TextModel {
  const { hidden_size: d, num_attention_heads: h } = c;
  const e = d / h;

  /** A layer with its adapter. */
  function adapted(x: Tensor, w: Weights, n: number, gain = 1): Tensor {
    const y = linear(x, w, n, gain);
    if (!lora) return y;
    // B begins at zero: an adapter that has not learned changes nothing.
    return y.add(project(project(x, w.lora_A, lora.r), w.lora_B, n, 0).mul(lora.lora_alpha / lora.r));
  }

  /** Queries, keys and values of the normed input. x: [b, t, d] → [b, h, 1, t, e] each. */
  function heads(x: Tensor, w: Weights, rotate: Context["rotate"]): [q: Tensor, k: Tensor, v: Tensor] {
    const packed = adapted(x, w.query_key_value, 3 * d).rearrange("b t (h s e) -> b h s t e", { h, s: 3 });
    const part = (i: number): Tensor => packed.slice(2, i, i + 1);
    const turned = (x: Tensor, w: Weights): Tensor => rotate(layerNorm(x, w, c.layer_norm_eps));
    return [turned(part(0), w.q_layernorm), turned(part(1), w.k_layernorm), part(2)];
  }

  /** x + RMS(attention(LN x)) + MLP(LN x), both of the same norm. x: [b, t, d] → [b, t, d]. */
  function layer(x: Tensor, w: Weights, { rotate, attend }: Context): Tensor {
    const normed = layerNorm(x, w.input_layernorm, c.layer_norm_eps);
    const [q, k, v] = heads(normed, w.self_attn, rotate);
    const mixed = attend(q, k, v).rearrange("b h 1 t e -> b t (h e)");
    const seen = rmsNorm(
      adapted(mixed, w.self_attn.dense, d, residual(c.num_hidden_layers)),
      w.post_layernorm,
      postEps,
    );
    const inner = geluTanh(linear(normed, w.mlp.fc1, c.intermediate_size));
    return seen.add(linear(inner, w.mlp.fc2, d, residual(c.num_hidden_layers))).add(x);
  }

  function contextOf(x: Tensor, pass: Pass): Context {
    return {
      rotate: partial(rotary(pass.positions, rotaryWidth(c), c.rope_theta), rotaryWidth(c), e),
      attend: (pass.cache ?? nothing).attending(x.shape[1], pass.segments),
    };
  }

  return {
    width: d,
    vocabulary: c.vocab_size,
    cacheShape: (b, t) => [b, h, 1, t, e],
    embed: (ids) => embedding(ids, w.model.embed_tokens, c.vocab_size, d),
    head: (x) => linear(x, w.lm_head, c.vocab_size),
    states(x, pass) {
      const context = contextOf(x, pass);
      const states = [x];
      for (let i = 0; i < c.num_hidden_layers; i++) states.push(layer(states[i], w.model.layers[i], context));
      states.push(layerNorm(states.pop()!, w.model.final_layernorm, c.layer_norm_eps));
      return states;
    },
    queries(index, x, pass) {
      const context = contextOf(x, pass);
      for (let i = 0; i < index; i++) x = layer(x, w.model.layers[i], context);
      const at = w.model.layers[index];
      const [q, k] = heads(layerNorm(x, at.input_layernorm, c.layer_norm_eps), at.self_attn, context.rotate);
      return [q, k];
    },
  };
}

interface Context {
  rotate: (x: Tensor) => Tensor;
  attend: Attend;
}

/** How many elements of a head turn with the position: the rest stay. */
const rotaryWidth = (c: Phi2Config): number =>
  Math.floor((c.partial_rotary_factor * c.hidden_size) / c.num_attention_heads);

/** A rotation of the first elements of e. */
function partial(rotate: (x: Tensor) => Tensor, turning: number, e: number): (x: Tensor) => Tensor {
  if (turning === e) return rotate;
  return (x) => concat([rotate(x.slice(-1, 0, turning)), x.slice(-1, turning, e)], -1);
}
