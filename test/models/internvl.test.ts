/** The published InternVL models with InternViT-300M: their config.json is read, and asks for the weights that their files hold. */
import { describe, expect, test } from "vitest";
import { miniMonkey, miniMonkeyConfig } from "../../src/models/mini-monkey.ts";
import {
  askedBy,
  internlm2Shapes,
  internVit300M,
  parameters,
  phi3Shapes,
  qwen2Shapes,
  type Shapes,
  type Sizes,
} from "../support/published.ts";

/** The `vision_config` of all, as OpenGVLab/InternVL2_5-2B writes it; InternVL3 has `initializer_factor` 0.1, InternVL2-4B had a drop path of 0.1 once. */
const vision_config = {
  architectures: ["InternVisionModel"],
  attention_dropout: 0,
  drop_path_rate: 0,
  dropout: 0,
  hidden_act: "gelu",
  hidden_size: 1024,
  image_size: 448,
  initializer_factor: 1,
  initializer_range: 0.02,
  intermediate_size: 4096,
  layer_norm_eps: 1e-6,
  model_type: "intern_vit_6b",
  norm_type: "layer_norm",
  num_attention_heads: 16,
  num_channels: 3,
  num_hidden_layers: 24,
  patch_size: 14,
  qk_normalization: false,
  qkv_bias: true,
};
const published = {
  architectures: ["InternVLChatModel"],
  downsample_ratio: 0.5,
  dynamic_image_size: true,
  force_image_size: 448,
  max_dynamic_patch: 12,
  min_dynamic_patch: 1,
  model_type: "internvl_chat",
  ps_version: "v2",
  select_layer: -1,
  use_thumbnail: true,
  vision_config,
};

/** What the sizes are called in a config.json. */
const config = ({ v, d, m, layers, kv }: Sizes, heads: number): object => ({
  vocab_size: v,
  hidden_size: d,
  intermediate_size: m,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: (kv * heads) / d,
  hidden_act: "silu",
  tie_word_embeddings: false,
});

/** internlm/internlm2-chat-1_8b, internlm2_5-1_8b-chat and internlm2_5-7b-chat: their config.json differ in sizes only. */
const internlm2 = (sizes: Sizes, heads: number): object => ({
  ...config(sizes, heads),
  model_type: "internlm2",
  bias: false,
  eos_token_id: 2,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-5,
  rope_scaling: { factor: 2, type: "dynamic" },
  rope_theta: 1000000,
});
/** Qwen/Qwen2-0.5B-Instruct, Qwen2.5-0.5B-Instruct and Qwen2.5-1.5B-Instruct, whose heads InternVL unties. */
const qwen2 = (sizes: Sizes, heads: number, more: object): object => ({
  ...config(sizes, heads),
  model_type: "qwen2",
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  use_sliding_window: false,
  ...more,
});
/** Of InternVL3-1B, which has it of a larger Qwen2.5. */
const dynamic = { rope_scaling: { factor: 2, rope_type: "dynamic", type: "dynamic" }, max_window_layers: 70 };
/** microsoft/Phi-3-mini-128k-instruct; the factors, which were published in two versions, stand for any 48. */
const phi3 = (sizes: Sizes): object => ({
  ...config(sizes, 32),
  model_type: "phi3",
  max_position_embeddings: 131072,
  original_max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  rope_scaling: { type: "su", short_factor: Array(48).fill(1.05), long_factor: Array(48).fill(30) },
  sliding_window: 262144,
});

const small: Sizes = { v: 92553, d: 2048, m: 8192, layers: 24, kv: 1024 };
const large: Sizes = { v: 92553, d: 4096, m: 14336, layers: 32, kv: 1024 };
const half = (v: number): Sizes => ({ v, d: 896, m: 4864, layers: 24, kv: 128 });
const phi: Sizes = { v: 32020, d: 3072, m: 8192, layers: 32, kv: 3072 };
const one: Sizes = { v: 151674, d: 1536, m: 8960, layers: 28, kv: 256 };

interface Model {
  readonly template: string;
  readonly llm: object;
  readonly shapes: (root: string, sizes: Sizes) => Shapes;
  readonly sizes: Sizes;
  /** The model size on its card, in millions, to three places. */
  readonly millions: number;
  readonly longest: number;
}
const endless = Number.POSITIVE_INFINITY;
const models: Record<string, Model> = {
  "InternVL2-1B": {
    template: "Hermes-2",
    llm: qwen2(half(151655), 14, { max_window_layers: 24, sliding_window: 32768 }),
    shapes: qwen2Shapes,
    sizes: half(151655),
    millions: 938,
    longest: 32768,
  },
  "InternVL2-2B": {
    template: "internlm2-chat",
    llm: internlm2(small, 16),
    shapes: internlm2Shapes,
    sizes: small,
    millions: 2210,
    longest: endless,
  },
  "InternVL2-4B": {
    template: "phi3-chat",
    llm: phi3(phi),
    shapes: phi3Shapes,
    sizes: phi,
    millions: 4150,
    longest: 131072,
  },
  "InternVL2-8B": {
    template: "internlm2-chat",
    llm: internlm2(large, 32),
    shapes: internlm2Shapes,
    sizes: large,
    millions: 8080,
    longest: endless,
  },
  "InternVL2_5-1B": {
    template: "internvl2_5",
    llm: qwen2(half(151674), 14, { max_window_layers: 21, sliding_window: 32768 }),
    shapes: qwen2Shapes,
    sizes: half(151674),
    millions: 938,
    longest: 32768,
  },
  "InternVL2_5-2B": {
    template: "internvl2_5",
    llm: internlm2(small, 16),
    shapes: internlm2Shapes,
    sizes: small,
    millions: 2210,
    longest: endless,
  },
  "InternVL3-1B": {
    template: "internvl2_5",
    llm: qwen2(half(151674), 14, dynamic),
    shapes: qwen2Shapes,
    sizes: half(151674),
    millions: 938,
    longest: endless,
  },
  "InternVL3-2B": {
    template: "internvl2_5",
    llm: qwen2(one, 12, dynamic),
    shapes: qwen2Shapes,
    sizes: one,
    millions: 2090,
    longest: endless,
  },
};

describe.each(Object.entries(models))("OpenGVLab/%s", (_, { template, llm, shapes, sizes, millions, longest }) => {
  const model = miniMonkey(miniMonkeyConfig.parse({ ...published, template, llm_config: llm }));
  const wanted = askedBy(model);

  test("asks for the published weights in their shapes", () => {
    expect(wanted).toEqual({ ...internVit300M(sizes.d), ...shapes("language_model.", sizes) });
  });

  test("has as many parameters as its card says", () => {
    expect(Number((parameters(wanted) / 1e6).toPrecision(3))).toBe(millions);
  });

  test("makes 256 tokens of a tile of 448 pixels and reads as many as its positions reach", () => {
    expect(model).toMatchObject({ tileSize: 448, tokensPerTile: 256, vocabulary: sizes.v, width: sizes.d, longest });
  });
});
