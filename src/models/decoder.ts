/** The decoder that LLaMA (Touvron 2023) set: RMS norms in front, rotary grouped queries, a gated MLP. Families differ in names and packing only. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { embedding, project, residual, rmsNorm, silu } from "../nn/layers.ts";
import { rotary } from "../nn/rotary.ts";
import type { Weights } from "../weights/path.ts";
import { type Attend, nothing } from "./cache.ts";
import { attentionAt, type Pass, type TextModel } from "./text-model.ts";

/** What config.json says of any such model. */
export const decoderFields: Record<Sizes, z.ZodInt> & {
  hidden_act: z.ZodLiteral<"silu">;
  rms_norm_eps: z.ZodNumber;
} = {
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive(),
  hidden_act: z.literal("silu"),
  max_position_embeddings: z.int().positive(),
  rms_norm_eps: z.number(),
};
type Sizes = Exclude<keyof DecoderConfig, "hidden_act" | "rms_norm_eps" | "rope_theta" | "rope_scaling">;

/** The sizes and constants that such a model has. */
export interface DecoderConfig {
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
}

/** Where one layer's weights lie. */
interface LayerWeights {
  readonly attentionNorm: Weights;
  /** Queries, keys and values. x: [b, t, d] → q [b, k, r, t, e], keys and values [b, k, 1, t, e]: k groups of r heads share one key and value head (Ainslie 2023). */
  heads(x: Tensor): [q: Tensor, k: Tensor, v: Tensor];
  readonly out: Weights;
  readonly mlpNorm: Weights;
  readonly gate: Weights;
  readonly up: Weights;
  readonly down: Weights;
}

/** Where a model's weights lie. */
export interface DecoderWeights {
  readonly embed: Weights;
  readonly norm: Weights;
  /** Of the logits; it may be that of the embedding. */
  readonly head: Weights;
  layer(i: number): LayerWeights;
}

/** A model of this shape. */
export function decoder(w: DecoderWeights, c: DecoderConfig): TextModel {
  const { hidden_size: d, num_attention_heads: h, num_key_value_heads: k, rms_norm_eps: eps } = c;
  return {
    width: d,
    vocabulary: c.vocab_size,
    cacheShape: (b, t) => [b, k, 1, t, d / h],
    embed: (ids) => embedding(ids, w.embed, c.vocab_size, d),
    head: (x) => project(x, w.head, c.vocab_size),
    states(x, pass) {
      const context = contextOf(x, c, pass);
      const states = [x];
      for (let i = 0; i < c.num_hidden_layers; i++) states.push(layer(states[i], w.layer(i), c, context));
      states.push(rmsNorm(states.pop()!, w.norm, eps));
      return states;
    },
    attentionOf(index, x, voters, pass) {
      const context = contextOf(x, c, pass);
      for (let i = 0; i < index; i++) x = layer(x, w.layer(i), c, context);
      const at = w.layer(index);
      const [q, k] = at.heads(rmsNorm(x, at.attentionNorm, eps));
      return attentionAt(voters, context.rotate(q), context.rotate(k));
    },
  };
}

interface Context {
  rotate: (x: Tensor) => Tensor;
  attend: Attend;
}

function contextOf(x: Tensor, c: DecoderConfig, pass: Pass): Context {
  const t = x.shape[1];
  const { cache = nothing } = pass;
  const scaling = c.rope_scaling && {
    factor: c.rope_scaling.factor,
    trained: c.max_position_embeddings,
    length: cache.total(t),
  };
  return {
    rotate: rotary(pass.positions, c.hidden_size / c.num_attention_heads, c.rope_theta, scaling ?? undefined),
    attend: cache.attending(t, pass.segments),
  };
}

/** x + GQA(RMS x), then x + down(silu(gate RMS x) ⊙ up RMS x) (Shazeer 2020). x: [b, t, d] → [b, t, d]. */
function layer(x: Tensor, w: LayerWeights, c: DecoderConfig, { rotate, attend }: Context): Tensor {
  const { hidden_size: d, intermediate_size: m, rms_norm_eps: eps } = c;
  const [q, k, v] = w.heads(rmsNorm(x, w.attentionNorm, eps));
  const mixed = attend(rotate(q), rotate(k), v).rearrange("b k r t e -> b t (k r e)");
  x = x.add(project(mixed, w.out, d, residual(c.num_hidden_layers)));
  const y = rmsNorm(x, w.mlpNorm, eps);
  const inner = silu(project(y, w.gate, m)).mul(project(y, w.up, m));
  return x.add(project(inner, w.down, d, residual(c.num_hidden_layers)));
}
