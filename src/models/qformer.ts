/** BLIP-2's Q-Former (Li 2023): learned queries that read an image by cross-attention, in post-norm BERT layers. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { multiHead } from "../nn/attention.ts";
import { gelu, layerNorm, linear } from "../nn/layers.ts";
import { param, type Weights } from "../weights/path.ts";

/** The Q-Former's part of a configuration; literals are what the code computes. */
export const qformerConfig: z.ZodType<QFormerConfig> = z.object({
  hidden_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  intermediate_size: z.int().positive(),
  hidden_act: z.literal("gelu"),
  layer_norm_eps: z.number(),
  /** Width of the image's features. */
  encoder_width: z.int().positive(),
  /** Every how many layers the queries look at the image, from the first on. */
  cross_attention_freq: z.int().positive(),
  query_length: z.int().positive(),
});
export interface QFormerConfig {
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  intermediate_size: number;
  hidden_act: "gelu";
  layer_norm_eps: number;
  encoder_width: number;
  cross_attention_freq: number;
  query_length: number;
}

/** The queries' states: the normed queries, then after each layer. image: [n, t, encoder width], w: the root → [n, q, d] each. */
export function qformer(image: Tensor, w: Weights, c: QFormerConfig): Tensor[] {
  const { hidden_size: d, query_length: q, layer_norm_eps: eps } = c;
  const { bert } = w.Qformer;
  const queries = layerNorm(param(w.query_tokens, [1, q, d], { deviation: 1 }), bert.embeddings.LayerNorm, eps);
  const states = [queries.expand([image.shape[0], q, d])];
  for (let i = 0; i < c.num_hidden_layers; i++) states.push(layer(states[i], image, i, bert.encoder.layer[i], c));
  return states;
}

/** LN(x + attention) of the queries among themselves, to the image in every nth layer, then LN(x + MLP). */
function layer(x: Tensor, image: Tensor, index: number, w: Weights, c: QFormerConfig): Tensor {
  const { hidden_size: d, layer_norm_eps: eps } = c;
  const added = (y: Tensor, w: Weights): Tensor => layerNorm(x.add(linear(y, w.dense, d)), w.LayerNorm, eps);
  x = added(attend(x, x, w.attention.self, c), w.attention.output);
  if (index % c.cross_attention_freq === 0)
    x = added(attend(x, image, w.crossattention.self, c), w.crossattention.output);
  return added(gelu(linear(x, w.intermediate_query.dense, c.intermediate_size)), w.output_query);
}

/** from: [n, q, d], to: [n, t, m] → [n, q, d]. */
function attend(from: Tensor, to: Tensor, w: Weights, c: QFormerConfig): Tensor {
  const { hidden_size: d, num_attention_heads: h } = c;
  return multiHead(linear(from, w.query, d), linear(to, w.key, d), linear(to, w.value, d), h);
}
