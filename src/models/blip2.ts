/** The eyes of BLIP-2 (Li 2023), which MiniGPT-4 and TinyGPT-V keep: a tower, a norm, and a Q-Former that reads its features. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { layerNorm } from "../nn/layers.ts";
import type { Weights } from "../weights/path.ts";
import { type ClipConfig, clip, clipConfig } from "./clip.ts";
import { type EvaConfig, evaConfig, evaVit } from "./eva-vit.ts";
import { type QFormerConfig, qformer, qformerConfig } from "./qformer.ts";

/** Their part of a configuration. The tower is EVA-CLIP's ViT-g, or CLIP's ViT-L where it says `clip_vision_model`. */
export const blip2Fields: { vit: z.ZodType<EvaConfig | ClipConfig>; qformer: z.ZodType<QFormerConfig> } = {
  vit: z.discriminatedUnion("model_type", [evaConfig, clipConfig]),
  qformer: qformerConfig,
};
export interface Blip2Config {
  vit: EvaConfig | ClipConfig;
  qformer: QFormerConfig;
}

/** ε of `ln_vision`; no configuration has it. */
const visionEps = 1e-5;

/** Side of the images that the tower was made for, in pixels. */
export const imageSize = ({ vit }: Blip2Config): number => (isClip(vit) ? vit.image_size : vit.img_size);

/** pixels: [n, 3, h, w] → the normed features [n, 1 + h/p · w/p, tower width], and the queries that read them [n, q, Q-Former width]. */
export function blip2(pixels: Tensor, w: Weights, c: Blip2Config): { features: Tensor; queries: Tensor } {
  const features = layerNorm(tower(pixels, w.visual_encoder, c.vit), w.ln_vision, visionEps);
  return { features, queries: qformer(features, w, c.qformer).at(-1)! };
}

/** What the second last layer sees (Li 2023, section 3.1): the last block of ViT-g is not in its checkpoints, CLIP's files have all. */
function tower(pixels: Tensor, w: Weights, c: EvaConfig | ClipConfig): Tensor {
  return isClip(c) ? clip(pixels, w.vision_model, c).states.at(-2)! : evaVit(pixels, w, c).at(-1)!;
}

const isClip = (c: EvaConfig | ClipConfig): c is ClipConfig => c.model_type === "clip_vision_model";
