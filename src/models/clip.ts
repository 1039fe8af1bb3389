/** CLIP's vision tower (Radford 2021) as transformers publishes it: class token, learned positions, a norm in front of pre-norm blocks, quick GELU. */
import { z } from "zod";
import { fixed } from "../graph/shape.ts";
import { concat, type Tensor } from "../graph/tensor.ts";
import { multiHead } from "../nn/attention.ts";
import { layerNorm, linear, quickGelu, residual } from "../nn/layers.ts";
import { interpolated, patches, sinusoids } from "../nn/patches.ts";
import { param, type Weights } from "../weights/path.ts";

/** config.json's `vision_config`; literals are what the code computes, defaults those of transformers' CLIPVisionConfig. */
export const clipConfig: z.ZodObject & z.ZodType<ClipConfig> = z.object({
  model_type: z.literal("clip_vision_model"),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  image_size: z.int().positive(),
  patch_size: z.int().positive(),
  hidden_act: z.literal("quick_gelu").default("quick_gelu"),
  layer_norm_eps: z.number().default(1e-5),
  num_channels: z.literal(3).optional(),
});
export interface ClipConfig {
  model_type: "clip_vision_model";
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  image_size: number;
  patch_size: number;
  hidden_act: "quick_gelu";
  layer_norm_eps: number;
}

/** What the tower makes of images: hidden states [n, 1 + h/p · w/p, d], the class token first, of the normed embedding and after each
 *  block; and the class token behind the last norm [n, d]. */
export interface ClipStates {
  readonly states: readonly Tensor[];
  readonly pooled: Tensor;
}

/** pixels: [n, 3, h, w]. Models that read an earlier state ask for the weights behind it too, as their files hold them. */
export function clip(pixels: Tensor, w: Weights, c: ClipConfig): ClipStates {
  const states = [layerNorm(embed(pixels, w.embeddings, c), w.pre_layrnorm, c.layer_norm_eps)];
  for (let i = 0; i < c.num_hidden_layers; i++) states.push(block(states[i], w.encoder.layers[i], c));
  const token = states.at(-1)!.slice(1, 0, 1).rearrange("n 1 d -> n d");
  return { states, pooled: layerNorm(token, w.post_layernorm, c.layer_norm_eps) };
}

/** Class token, then patches, plus positions, whose grid is resized to the image's. */
function embed(pixels: Tensor, w: Weights, c: ClipConfig): Tensor {
  const { hidden_size: d, patch_size: p } = c;
  const side = c.image_size / p;
  const [h, width] = [2, 3].map((axis) => fixed(pixels.shape[axis], "pixels") / p);
  const values = (): Float32Array => sinusoids(side, d);
  const positions = param(w.position_embedding.weight, [1 + side * side, d], { values }).rearrange("t d -> 1 t d");
  const first = param(w.class_embedding, [d], { deviation: 0.1 }).add(positions.slice(1, 0, 1));
  const x = patches(pixels, w.patch_embedding, p, d, false);
  const grid = interpolated(positions.slice(1, 1, 1 + side * side), side, h, width);
  return concat([first.expand([x.shape[0], 1, d]), x.add(grid)], 1);
}

/** x + MHA(LN x), then x + MLP(LN x). x: [n, t, d] → [n, t, d]. */
function block(x: Tensor, w: Weights, c: ClipConfig): Tensor {
  const { hidden_size: d, intermediate_size: m, layer_norm_eps: eps } = c;
  const gain = residual(c.num_hidden_layers);
  x = x.add(linear(attend(layerNorm(x, w.layer_norm1, eps), w.self_attn, c), w.self_attn.out_proj, d, gain));
  return x.add(linear(quickGelu(linear(layerNorm(x, w.layer_norm2, eps), w.mlp.fc1, m)), w.mlp.fc2, d, gain));
}

function attend(x: Tensor, w: Weights, { hidden_size: d, num_attention_heads: h }: ClipConfig): Tensor {
  return multiHead(linear(x, w.q_proj, d), linear(x, w.k_proj, d), linear(x, w.v_proj, d), h);
}
