/** EVA-CLIP ViT-g/14 (Fang 2022) as BLIP-2 and TinyGPT-V use it: pre-norm blocks, keys without a bias, no norm at the end. */
import { z } from "zod";
import { fixed } from "../graph/shape.ts";
import { concat, constant, type Tensor } from "../graph/tensor.ts";
import { multiHead } from "../nn/attention.ts";
import { gelu, layerNorm, linear, project, residual } from "../nn/layers.ts";
import { interpolated, patches, sinusoids } from "../nn/patches.ts";
import { param, type Weights } from "../weights/path.ts";

/** The tower's part of a configuration; literals are what the code computes. */
export const evaConfig: z.ZodObject & z.ZodType<EvaConfig> = z.object({
  model_type: z.literal("eva_clip_g").optional(),
  /** Side of the images that the position vectors were made for, in pixels. */
  img_size: z.int().positive(),
  patch_size: z.int().positive(),
  embed_dim: z.int().positive(),
  depth: z.int().positive(),
  num_heads: z.int().positive(),
  mlp_hidden: z.int().positive(),
  qkv_bias: z.literal(true),
  layer_norm_eps: z.number(),
});
export interface EvaConfig {
  model_type?: "eva_clip_g" | undefined;
  img_size: number;
  patch_size: number;
  embed_dim: number;
  depth: number;
  num_heads: number;
  mlp_hidden: number;
  qkv_bias: true;
  layer_norm_eps: number;
}

/** Images to features after each block. pixels: [n, 3, h, w] → [n, 1 + h/p · w/p, d] each, the class token first. */
export function evaVit(pixels: Tensor, w: Weights, c: EvaConfig): Tensor[] {
  const { embed_dim: d, patch_size: p } = c;
  const [h, width] = [2, 3].map((axis) => fixed(pixels.shape[axis], "pixels") / p);
  const first = param(w.cls_token, [1, 1, d], { deviation: 0.1 }).expand([pixels.shape[0], 1, d]);
  let x = concat([first, patches(pixels, w.patch_embed.proj, p, d)], 1).add(evaPositions(h, width, w, c));
  return Array.from({ length: c.depth }, (_, i) => {
    x = block(x, w.blocks[i], c);
    return x;
  });
}

/** Position vectors of the class token and of a grid of h×w patches, resized where it is not the trained one → [1, 1 + h·w, d]. */
export function evaPositions(h: number, width: number, w: Weights, c: EvaConfig): Tensor {
  const side = c.img_size / c.patch_size;
  const values = (): Float32Array => sinusoids(side, c.embed_dim);
  const all = param(w.pos_embed, [1, 1 + side * side, c.embed_dim], { values });
  return concat([all.slice(1, 0, 1), interpolated(all.slice(1, 1, 1 + side * side), side, h, width)], 1);
}

/** x + MHA(LN x), then x + MLP(LN x). x: [n, t, d] → [n, t, d]. */
function block(x: Tensor, w: Weights, c: EvaConfig): Tensor {
  x = x.add(attend(layerNorm(x, w.norm1, c.layer_norm_eps), w.attn, c));
  const inner = gelu(linear(layerNorm(x, w.norm2, c.layer_norm_eps), w.mlp.fc1, c.mlp_hidden));
  return x.add(linear(inner, w.mlp.fc2, c.embed_dim, residual(c.depth)));
}

function attend(x: Tensor, w: Weights, c: EvaConfig): Tensor {
  const { embed_dim: d, num_heads: h } = c;
  const bias = (of: Weights): Tensor => param(of, [d], { value: 0 });
  const none = constant(new Float32Array(d), [d]);
  const qkv = project(x, w.qkv, 3 * d).add(concat([bias(w.q_bias), none, bias(w.v_bias)], 0));
  const [q, k, v] = [0, 1, 2].map((i) => qkv.slice(2, i * d, (i + 1) * d));
  return linear(multiHead(q, k, v, h), w.proj, d, residual(c.depth));
}
