/** InternViT-300M (Chen 2024, InternVL 1.5), as published with InternVL2: class token, learned positions, layer scale, no final norm. */
import { z } from "zod";
import { fixed } from "../graph/shape.ts";
import { concat, type Tensor } from "../graph/tensor.ts";
import { multiHead } from "../nn/attention.ts";
import { gelu, layerNorm, linear, project, residual, rmsNorm } from "../nn/layers.ts";
import { interpolated, patches, sinusoids } from "../nn/patches.ts";
import { param, type Weights } from "../weights/path.ts";

/** config.json's `vision_config`; literals are what the code computes. */
export const visionConfig: z.ZodType<VisionConfig> = z.object({
  model_type: z.literal("intern_vit_6b").optional(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  image_size: z.int().positive(),
  patch_size: z.int().positive(),
  norm_type: z.literal("layer_norm"),
  layer_norm_eps: z.number(),
  hidden_act: z.literal("gelu"),
  qkv_bias: z.boolean(),
  qk_normalization: z.boolean(),
  initializer_factor: z.number(),
  drop_path_rate: z.number().default(0),
  num_channels: z.literal(3).optional(),
  use_moe: z.literal(false).optional(),
});
export interface VisionConfig {
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  image_size: number;
  patch_size: number;
  norm_type: "layer_norm";
  layer_norm_eps: number;
  hidden_act: "gelu";
  qkv_bias: boolean;
  qk_normalization: boolean;
  initializer_factor: number;
  drop_path_rate: number;
}

/** Tiles to features of every layer: embedding output first, then each block's. pixels: [n, 3, h, w] → [n, 1 + h/p · w/p, d] each.
 *  `keep`: [2·layers, n] scales each residual branch of each tile (drop path, Huang 2016); absent outside training. */
export function internVit(pixels: Tensor, w: Weights, c: VisionConfig, keep?: Tensor): Tensor[] {
  const states = [embed(pixels, w.embeddings, c)];
  for (let i = 0; i < c.num_hidden_layers; i++)
    states.push(block(states[i], w.encoder.layers[i], c, keep && [2 * i, 2 * i + 1].map((row) => branch(keep, row))));
  return states;
}

const branch = (keep: Tensor, row: number): Tensor => keep.slice(0, row, row + 1).rearrange("1 n -> n 1 1");

/** Class token, then patches, plus positions, whose grid is resized to the image's. */
function embed(pixels: Tensor, w: Weights, c: VisionConfig): Tensor {
  const { hidden_size: d, patch_size: p } = c;
  const [h, width] = [2, 3].map((axis) => fixed(pixels.shape[axis], "pixels") / p);
  const first = param(w.class_embedding, [1, 1, d], { deviation: 0.1 }).add(positions(w, c).slice(1, 0, 1));
  const x = patches(pixels, w.patch_embedding, p, d).add(patchPositions(h, width, w, c));
  return concat([first.expand([x.shape[0], 1, d]), x], 1);
}

/** Position vectors of a grid of h×w patches, resized where it is not the trained one. w: the embeddings → [1, h·w, d]. */
export function patchPositions(h: number, width: number, w: Weights, c: VisionConfig): Tensor {
  const side = c.image_size / c.patch_size;
  return interpolated(positions(w, c).slice(1, 1, side * side + 1), side, h, width);
}

/** Position vectors of the class token and of the trained grid, row by row. */
function positions(w: Weights, c: VisionConfig): Tensor {
  const side = c.image_size / c.patch_size;
  const values = (): Float32Array => sinusoids(side, c.hidden_size);
  return param(w.position_embedding, [1, side * side + 1, c.hidden_size], { values });
}

/** x + ls1 ⊙ MHA(LN x), then x + ls2 ⊙ MLP(LN x). x: [n, t, d] → [n, t, d]. */
function block(x: Tensor, w: Weights, c: VisionConfig, keep?: Tensor[]): Tensor {
  const scaled = (y: Tensor, ls: Weights, i: number): Tensor => {
    const z = y.mul(param(ls, [c.hidden_size], { value: c.initializer_factor }));
    return keep ? z.mul(keep[i]) : z;
  };
  x = x.add(scaled(attend(layerNorm(x, w.norm1, c.layer_norm_eps), w.attn, c), w.ls1, 0));
  return x.add(scaled(mlp(layerNorm(x, w.norm2, c.layer_norm_eps), w.mlp, c), w.ls2, 1));
}

function attend(x: Tensor, w: Weights, c: VisionConfig): Tensor {
  const { hidden_size: d, num_attention_heads: h } = c;
  const qkv = c.qkv_bias ? linear(x, w.qkv, 3 * d) : project(x, w.qkv, 3 * d);
  const [q, k, v] = [0, 1, 2].map((i) => qkv.slice(2, i * d, (i + 1) * d));
  const normal = (y: Tensor, w: Weights): Tensor => (c.qk_normalization ? rmsNorm(y, w, c.layer_norm_eps) : y);
  const y = multiHead(normal(q, w.q_norm), normal(k, w.k_norm), v, h);
  return linear(y, w.proj, d, residual(c.num_hidden_layers));
}

function mlp(x: Tensor, w: Weights, c: VisionConfig): Tensor {
  return linear(gelu(linear(x, w.fc1, c.intermediate_size)), w.fc2, c.hidden_size, residual(c.num_hidden_layers));
}
