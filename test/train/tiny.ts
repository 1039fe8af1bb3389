/** The smallest run that is a run: a model of a few thousand weights over words and lines. */
import { parseTrainConfig, type TrainConfig } from "../../src/train/config.ts";

export const tinyModel = {
  model_type: "internvl_chat",
  template: "internlm2-chat",
  system_message: "",
  force_image_size: 56,
  downsample_ratio: 0.5,
  select_layer: -1,
  ps_version: "v2",
  vision_config: {
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    image_size: 56,
    patch_size: 14,
    norm_type: "layer_norm",
    layer_norm_eps: 1e-6,
    hidden_act: "gelu",
    qkv_bias: true,
    qk_normalization: false,
    initializer_factor: 1,
  },
  llm_config: {
    vocab_size: 264,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    hidden_act: "silu",
    max_position_embeddings: 512,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    rope_scaling: null,
    bias: false,
    tie_word_embeddings: false,
    eos_token_id: 4,
  },
};

const phase = {
  name: "words",
  steps: 6,
  lr: [1e-2, 1e-3],
  dense: 0.5,
  shapes: [{ rows: 2, tokens: 96, tiles: 4 }],
  mixture: [{ kind: "word", tiles: "single" }],
};

/** A checked configuration of one phase, with what differs. */
export const tinyConfig = (out: string, changes: object = {}, phaseChanges: object = {}): TrainConfig =>
  parseTrainConfig(
    { out, save: 100, model: tinyModel, phases: [{ ...phase, ...phaseChanges }], ...changes },
    "tiny.yaml",
  );
