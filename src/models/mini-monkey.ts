/** Mini-Monkey (Huang 2024, arXiv 2408.02034): InternViT, pixel shuffle, MLP, InternLM2; the graph of InternVL2-2B. With another language model it is another InternVL. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { imageNet } from "../vision/tiles.ts";
import type { Weights } from "../weights/path.ts";
import { connector, pixelShuffle } from "./connector.ts";
import { longest, steady, switchesAt } from "./decoder.ts";
import { internVit, type VisionConfig, visionConfig } from "./intern-vit.ts";
import { internlm2, type TextConfig, textConfig } from "./internlm2.ts";
import { type LlamaConfig, llama, llamaConfig } from "./llama.ts";
import { type Multimodal, type Usage, usage, usageFields } from "./multimodal.ts";
import { type Phi3Config, phi3, phi3Config } from "./phi3.ts";
import type { TextModel } from "./text-model.ts";
import { positioned } from "./visual-position.ts";

/** config.json; literals are what the code computes. */
export const miniMonkeyConfig: z.ZodType<MiniMonkeyConfig> = z.object({
  model_type: z.literal("internvl_chat"),
  template: z.enum(["internlm2-chat", "Hermes-2", "phi3-chat", "internvl2_5"]),
  force_image_size: z.int().positive(),
  downsample_ratio: z.number().positive().max(1),
  select_layer: z.literal(-1),
  ps_version: z.enum(["v1", "v2"]),
  pad2square: z.literal(false).optional(),
  use_backbone_lora: z.literal(0).optional(),
  use_llm_lora: z.literal(0).optional(),
  image_fold: z.null().optional(),
  tie_word_embeddings: z.literal(false).optional(),
  vision_config: visionConfig,
  llm_config: z.discriminatedUnion("model_type", [textConfig, llamaConfig, phi3Config]),
  visual_position: z.int().positive().optional(),
  ...usageFields,
});
export interface MiniMonkeyConfig extends Usage {
  model_type: "internvl_chat";
  template: "internlm2-chat" | "Hermes-2" | "phi3-chat" | "internvl2_5";
  force_image_size: number;
  downsample_ratio: number;
  select_layer: -1;
  ps_version: "v1" | "v2";
  vision_config: VisionConfig;
  llm_config: TextConfig | LlamaConfig | Phi3Config;
  /** Most columns and rows of a grid of tiles, where visual tokens are told where they lie (visual-position.ts); no published model is. */
  visual_position?: number | undefined;
}

/** Visual tokens of one tile: (image / patch · ratio)². */
export const tokensPerTile = (c: MiniMonkeyConfig): number =>
  ((c.force_image_size / c.vision_config.patch_size) * c.downsample_ratio) ** 2;

/** The whole as running it asks. */
export function miniMonkey(c: MiniMonkeyConfig): Multimodal {
  const { vocab_size, hidden_size } = c.llm_config;
  return {
    tileSize: c.force_image_size,
    tokensPerTile: tokensPerTile(c),
    normal: imageNet,
    ...usage(c, "msac"),
    template: templateOf(c),
    vocabulary: vocab_size,
    width: hidden_size,
    longest: longest(c.llm_config),
    steady: steady(c.llm_config),
    switchesAt: switchesAt(c.llm_config),
    buffers: /rotary_emb\.inv_freq$/,
    cells: c.visual_position,
    sight: (pixels, w, cells) => located(visualTokens(patchFeatures(pixels, w, c), w, c), w, c, cells),
    language: (w) => languageModel(w, c),
  };
}

/** InternVL2.5 has one template for language models with a begin token and without. */
const templateOf = ({ template, llm_config }: MiniMonkeyConfig): string =>
  template === "internvl2_5" && llm_config.model_type === "internlm2" ? "internvl2_5-internlm2" : template;

/** The language model at its place in the whole. */
export function languageModel(w: Weights, { llm_config: c }: MiniMonkeyConfig): TextModel {
  switch (c.model_type) {
    case "llama":
    case "qwen2":
      return llama(w.language_model, c);
    case "phi3":
      return phi3(w.language_model, c);
    default:
      return internlm2(w.language_model, c);
  }
}

/** Patch features without the class token. pixels: [n, 3, s, s] → [n, (s/p)², d]. */
export function patchFeatures(pixels: Tensor, w: Weights, c: MiniMonkeyConfig, keep?: Tensor): Tensor {
  const last = internVit(pixels, w.vision_model, c.vision_config, keep).at(-1)!;
  return last.slice(1, 1, last.shape[1]);
}

/** Patch features to visual tokens. x: [n, (s/p)², d] → [n, tokens, width]. */
export function visualTokens(x: Tensor, w: Weights, c: MiniMonkeyConfig): Tensor {
  return connector(pixelShuffle(x, 1 / c.downsample_ratio, c.ps_version), w.mlp1, c.llm_config.hidden_size);
}

/** Visual tokens that know where they lie, in a model that tells them. x: [n, tokens, width], cells: [n, 3] → [n, tokens, width]. */
export const located = (x: Tensor, w: Weights, { visual_position: most }: MiniMonkeyConfig, cells: Tensor): Tensor =>
  most ? positioned(x, cells, w.visual_position, most) : x;
