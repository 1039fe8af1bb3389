/** LLaVA-1.5 (Liu 2023, arXiv 2310.03744) as transformers publishes it: the patches that CLIP's second last layer sees, an MLP, Vicuna. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { gelu, linear } from "../nn/layers.ts";
import { clipNormal } from "../vision/tiles.ts";
import type { Weights } from "../weights/path.ts";
import { type ClipConfig, clip, clipConfig } from "./clip.ts";
import { longest, steady } from "./decoder.ts";
import { type LlamaConfig, llama, sparseLlamaConfig } from "./llama.ts";
import { type Multimodal, type Usage, usage, usageFields } from "./multimodal.ts";

/** config.json; literals are what the code computes. */
export const llavaConfig: z.ZodType<LlavaConfig> = z.object({
  model_type: z.literal("llava"),
  vision_config: clipConfig,
  text_config: sparseLlamaConfig,
  projector_hidden_act: z.literal("gelu"),
  vision_feature_layer: z.literal(-2),
  vision_feature_select_strategy: z.literal("default"),
  multimodal_projector_bias: z.literal(true).optional(),
  tie_word_embeddings: z.literal(false).optional(),
  /** Galago's, as those of its usage are. */
  template: z.string().default("llava-hf"),
  ...usageFields,
});
export interface LlavaConfig extends Usage {
  model_type: "llava";
  vision_config: ClipConfig;
  text_config: LlamaConfig;
  projector_hidden_act: "gelu";
  vision_feature_layer: -2;
  vision_feature_select_strategy: "default";
  template: string;
}

/** The whole as running it asks. */
export function llava(c: LlavaConfig): Multimodal {
  const { vision_config: seen, text_config: spoken } = c;
  return {
    ...usage(c, "single"),
    template: c.template,
    tileSize: seen.image_size,
    tokensPerTile: (seen.image_size / seen.patch_size) ** 2,
    normal: clipNormal,
    vocabulary: spoken.vocab_size,
    width: spoken.hidden_size,
    longest: longest(spoken),
    steady: steady(spoken),
    buffers: /rotary_emb\.inv_freq$|embeddings\.position_ids$/,
    sight: (pixels, w) => llavaSight(pixels, w, c),
    language: (w) => llama(w.language_model, spoken),
  };
}

/** Patch features without the class token, through linear, GELU, linear. pixels: [n, 3, s, s] → [n, (s/p)², width]. */
function llavaSight(pixels: Tensor, w: Weights, c: LlavaConfig): Tensor {
  const { states } = clip(pixels, w.vision_tower.vision_model, c.vision_config);
  const x = states.at(c.vision_feature_layer)!;
  const { linear_1, linear_2 } = w.multi_modal_projector;
  const d = c.text_config.hidden_size;
  return linear(gelu(linear(x.slice(1, 1, x.shape[1]), linear_1, d)), linear_2, d);
}
