/** Every kind of whole model, by a config.json at tiny size. */
import type { TextConfig } from "../../src/models/internlm2.ts";
import { tinyClip } from "./plain-eyes.ts";
import { tinyConfig } from "./tiny-model.ts";

const internvl = { ...tinyConfig() };
const { bias: _, ...words } = internvl.llm_config as TextConfig;
const clip = { ...tinyClip, hidden_size: 24, num_attention_heads: 2, image_size: 56, patch_size: 14 };
const eva = {
  img_size: 56,
  patch_size: 14,
  embed_dim: 24,
  depth: 2,
  num_heads: 2,
  mlp_hidden: 32,
  qkv_bias: true,
  layer_norm_eps: 1e-6,
};
const qformer = {
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  hidden_act: "gelu",
  layer_norm_eps: 1e-12,
  encoder_width: 24,
  cross_attention_freq: 2,
  query_length: 4,
};
const usage = { template: "internlm2-chat", system_message: "" };
const miniGpt4 = { model_type: "minigpt4", qformer, llm: { ...words, model_type: "llama" }, ...usage };
const phi = {
  model_type: "phi",
  vocab_size: 264,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  partial_rotary_factor: 0.5,
  rope_theta: 10000,
  rope_scaling: null,
  max_position_embeddings: 4096,
  layer_norm_eps: 1e-5,
  hidden_act: "gelu_new",
  tie_word_embeddings: false,
};
const tinyGptV = { model_type: "tinygpt_v", stage: 4, image_size: 56, qformer, proj: [16, 20, 32], llm: phi, ...usage };
const factors = [1, 2, 3, 4];

/** A tile is 4 tokens, or 16 of LLaVA, which joins none. */
export const kinds: [kind: string, config: Record<string, unknown>, perTile: number][] = [
  ["InternVL with InternLM2", internvl, 4],
  [
    "InternVL with Qwen2",
    {
      ...internvl,
      llm_config: { ...words, model_type: "qwen2", rope_scaling: { type: "dynamic", factor: 2 } },
    },
    4,
  ],
  [
    "InternVL with Phi-3",
    {
      ...internvl,
      llm_config: {
        ...words,
        model_type: "phi3",
        // Behind the first of the pieces in which the prompt below is read, all of which turn as the whole does.
        original_max_position_embeddings: 520,
        rope_scaling: { type: "su", short_factor: factors, long_factor: factors.map((x) => 4 * x) },
      },
    },
    4,
  ],
  [
    "LLaVA",
    {
      model_type: "llava",
      vision_config: clip,
      text_config: { ...words, model_type: "llama" },
      projector_hidden_act: "gelu",
      vision_feature_layer: -2,
      vision_feature_select_strategy: "default",
      ...usage,
    },
    16,
  ],
  ["MiniGPT-4", { ...miniGpt4, vit: eva }, 4],
  ["MiniGPT-4 with CLIP's tower", { ...miniGpt4, vit: clip }, 4],
  ["TinyGPT-V", { ...tinyGptV, vit: eva }, 4],
  ["TinyGPT-V with adapters", { ...tinyGptV, vit: eva, lora: { r: 2, lora_alpha: 1 } }, 4],
  ["TinyGPT-V with CLIP's tower", { ...tinyGptV, vit: clip }, 4],
];
