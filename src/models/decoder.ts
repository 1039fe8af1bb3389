/** The decoder that LLaMA (Touvron 2023) set: RMS norms in front, rotary grouped queries, a gated MLP. Families differ in names and packing only. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { embedding, project, residual, rmsNorm, silu } from "../nn/layers.ts";
import { rotary, type Stretch } from "../nn/rotary.ts";
import type { Weights } from "../weights/path.ts";
import { type Attend, nothing } from "./cache.ts";
import type { Pass, TextModel } from "./text-model.ts";

/** What config.json says of any such model. */
export const decoderFields: Record<keyof DecoderSizes, z.ZodInt> & {
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

interface DecoderSizes {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  max_position_embeddings: number;
}

/** The sizes and constants that such a model has. */
export interface DecoderConfig extends DecoderSizes {
  hidden_act: "silu";
  rms_norm_eps: number;
  rope_theta: number;
  rope_scaling: DynamicScaling | LongScaling | null;
  /** The length that the factors of long scaling were found for. */
  original_max_position_embeddings?: number | undefined;
  /** How far back a token sees. */
  sliding_window?: number | null | undefined;
}

/** `rope_scaling` of models that read beyond the length they were trained on by another base (see nn/rotary.ts). */
export const dynamicScaling: z.ZodType<DynamicScaling> = z.object({
  type: z.literal("dynamic"),
  rope_type: z.literal("dynamic").optional(),
  factor: z.number().min(1),
});
export interface DynamicScaling {
  type: "dynamic";
  factor: number;
}

/** `rope_scaling` by a factor for each pair, which transformers called "su" first; one list up to the original length, the other beyond. */
export interface LongScaling {
  type: "su" | "longrope";
  short_factor: readonly number[];
  long_factor: readonly number[];
}

/** Where one layer's weights lie. */
interface LayerWeights {
  readonly attentionNorm: Weights;
  /** Queries, keys and values. x: [b, t, d] → q [b, k, r, t, e], keys and values [b, k, 1, t, e]: k groups of r heads share one key and value head (Ainslie 2023). */
  heads(x: Tensor): [q: Tensor, k: Tensor, v: Tensor];
  readonly out: Weights;
  readonly mlpNorm: Weights;
  /** The MLP's gate and what it lets through. x: [b, t, d] → [b, t, m] each. */
  gated(x: Tensor): [gate: Tensor, up: Tensor];
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
    queries(index, x, pass) {
      const context = contextOf(x, c, pass);
      for (let i = 0; i < index; i++) x = layer(x, w.layer(i), c, context);
      const at = w.layer(index);
      const [q, k] = at.heads(rmsNorm(x, at.attentionNorm, eps));
      return [context.rotate(q), context.rotate(k)];
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
  const stretch = stretchOf(c, cache.total(t));
  return {
    rotate: rotary(pass.positions, c.hidden_size / c.num_attention_heads, c.rope_theta, stretch),
    attend: cache.attending(t, pass.segments),
  };
}

/** How positions stretch in a pass over all tokens up to `length`. */
function stretchOf(c: DecoderConfig, length: Tensor): Stretch | undefined {
  const { rope_scaling: scaling, max_position_embeddings: most } = c;
  if (scaling?.type === "dynamic") return { factor: scaling.factor, trained: most, length };
  if (!scaling) return undefined;
  const trained = c.original_max_position_embeddings ?? most;
  const amplitude = most > trained ? Math.sqrt(1 + Math.log(most / trained) / Math.log(trained)) : 1;
  return { short: scaling.short_factor, long: scaling.long_factor, amplitude, trained, length };
}

/** Most tokens that such a model reads. With dynamic scaling there is no end; a sliding window is never left, as no bias here ends one. */
export function longest(c: DecoderConfig): number {
  if (c.rope_scaling?.type === "dynamic") return Number.POSITIVE_INFINITY;
  return Math.min(c.max_position_embeddings, c.sliding_window ?? Number.POSITIVE_INFINITY);
}

/** Most tokens of a text whose keys turn the same, however many follow: beyond, positions stretch by the length of the whole. */
export function steady(c: DecoderConfig): number {
  if (!c.rope_scaling) return Number.POSITIVE_INFINITY;
  const { max_position_embeddings: most, original_max_position_embeddings: original = most } = c;
  return c.rope_scaling.type === "dynamic" ? most : original;
}

/** The length up to which a model with factors for long texts takes those for short ones. */
export const switchesAt = ({
  rope_scaling,
  original_max_position_embeddings: trained,
}: DecoderConfig): number | undefined => (rope_scaling && "long_factor" in rope_scaling ? trained : undefined);

/** x + GQA(RMS x), then x + down(silu(gate RMS x) ⊙ up RMS x) (Shazeer 2020). x: [b, t, d] → [b, t, d]. */
function layer(x: Tensor, w: LayerWeights, c: DecoderConfig, { rotate, attend }: Context): Tensor {
  const { hidden_size: d, rms_norm_eps: eps } = c;
  const [q, k, v] = w.heads(rmsNorm(x, w.attentionNorm, eps));
  const mixed = attend(rotate(q), rotate(k), v).rearrange("b k r t e -> b t (k r e)");
  x = x.add(project(mixed, w.out, d, residual(c.num_hidden_layers)));
  const [gate, up] = w.gated(rmsNorm(x, w.mlpNorm, eps));
  return x.add(project(silu(gate).mul(up), w.down, d, residual(c.num_hidden_layers)));
}
