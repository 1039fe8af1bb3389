/** The published checkpoint's names and shapes, against those that the model asks for. */
import { describe, expect, test } from "vitest";
import { WeightError } from "../../src/errors.ts";
import { size } from "../../src/graph/shape.ts";
import { input, type Tensor } from "../../src/graph/tensor.ts";
import {
  languageModel,
  type MiniMonkeyConfig,
  miniMonkeyConfig,
  patchFeatures,
  tokensPerTile,
  visualTokens,
} from "../../src/models/mini-monkey.ts";
import { merged } from "../../src/models/text-model.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { close, type Source, type Weights, weights } from "../../src/weights/path.ts";
import { internlm2Shapes, internVit300M } from "../support/published.ts";

/** config.json of Mini-Monkey 2B, as far as the code reads it. */
const published = {
  model_type: "internvl_chat",
  template: "internlm2-chat",
  force_image_size: 448,
  downsample_ratio: 0.5,
  select_layer: -1,
  ps_version: "v2",
  vision_config: {
    hidden_size: 1024,
    intermediate_size: 4096,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    image_size: 448,
    patch_size: 14,
    norm_type: "layer_norm",
    layer_norm_eps: 1e-6,
    hidden_act: "gelu",
    qkv_bias: true,
    qk_normalization: false,
    initializer_factor: 1,
    drop_path_rate: 0.1,
  },
  llm_config: {
    vocab_size: 92553,
    hidden_size: 2048,
    intermediate_size: 8192,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    hidden_act: "silu",
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-5,
    rope_theta: 1000000,
    rope_scaling: { type: "dynamic", factor: 2 },
    bias: false,
    tie_word_embeddings: false,
    eos_token_id: 2,
  },
};
const config = miniMonkeyConfig.parse(published);

/** model.safetensors of Mini-Monkey 2B: names and shapes of its header. */
const checkpoint = new Map(
  Object.entries({
    ...internVit300M(2048),
    ...internlm2Shapes("language_model.", { v: 92553, d: 2048, m: 8192, layers: 24, kv: 1024 }),
  }),
);

/** The whole model: pixels and ids to logits. */
function traced(w: Weights, c: MiniMonkeyConfig = config): Tensor {
  const s = c.force_image_size;
  const features = visualTokens(patchFeatures(input("pixels", [size("tiles"), 3, s, s]), w, c), w, c);
  const t = size("tokens");
  const x = merged(input("ids", [1, t], "i64"), features.rearrange("n f d -> (n f) d"), 92546, languageModel(w, c));
  const model = languageModel(w, c);
  return model.head(model.states(x, { positions: input("positions", [1, t], "i64") }).at(-1)!);
}

const source = (shapes: ReadonlyMap<string, readonly number[]>): Source => ({
  name: "model.safetensors",
  keys: () => shapes.keys(),
  find: (key) => (shapes.has(key) ? { shape: shapes.get(key)! } : undefined),
});

describe("Mini-Monkey 2B", () => {
  const wanted = openEnded();
  const logits = traced(weights(wanted));

  test("asks for the 517 weights of the published file, in their shapes", () => {
    expect(checkpoint.size).toBe(517);
    const asked = [...wanted.wanted].map(([key, { shape }]) => [key, [...shape]] as const);
    expect(Object.fromEntries(asked)).toEqual(Object.fromEntries(checkpoint));
  });

  test("has 2,205,754,368 parameters", () => {
    const counts = [...wanted.wanted.values()].map(({ shape }) => shape.reduce((n, d) => n * d, 1));
    expect(counts.reduce((a, b) => a + b)).toBe(2_205_754_368);
  });

  test("makes 256 tokens of a tile and a logit for each of 92553 words", () => {
    expect(tokensPerTile(config)).toBe(256);
    expect(String(logits)).toContain("f32[1, tokens, 92553]");
  });

  test("binds the published file with none missing and none left over", () => {
    const w = weights(source(checkpoint));
    traced(w);
    expect(() => close(w, /^$/)).not.toThrow();
  });
});

describe("a checkpoint that is not the model's is refused", () => {
  const changed = (change: (shapes: Map<string, readonly number[]>) => void): Weights => {
    const shapes = new Map<string, readonly number[]>(checkpoint);
    change(shapes);
    return weights(source(shapes));
  };

  test("a missing weight is named with the nearest there are", () => {
    const w = changed((shapes) => shapes.delete("language_model.model.layers.7.ffn_norm.weight"));
    expect(() => traced(w)).toThrow(WeightError);
    expect(() => traced(w)).toThrow(
      /^no weight "language_model\.model\.layers\.7\.ffn_norm\.weight" in model\.safetensors; nearest: language_model\.model\.layers\.\d\.ffn_norm\.weight, /,
    );
  });

  test("a weight of another shape is named with both", () => {
    const w = changed((shapes) => shapes.set("mlp1.1.weight", [4096, 2048]));
    expect(() => traced(w)).toThrow(
      new WeightError(
        '"mlp1.1.weight" is [4096, 2048] in model.safetensors, [2048, 4096] in the model; download both again, or take the config.json that belongs to these weights',
      ),
    );
  });

  test("a weight that the model has no use for is named, unless it is one to be ignored", () => {
    const w = changed((shapes) => {
      shapes.set("vision_model.encoder.layers.24.ls1", [1024]);
      shapes.set("language_model.model.layers.0.attention.rotary_emb.inv_freq", [64]);
    });
    traced(w);
    expect(() => close(w, /rotary_emb\.inv_freq$/)).toThrow(
      new WeightError(
        "model.safetensors: the model uses 517 weights and leaves 1 unused: vision_model.encoder.layers.24.ls1; download both again, or take the config.json that belongs to these weights",
      ),
    );
  });
});

describe("config.json says what the code computes, or is refused", () => {
  test.each<[string, object]>([
    ["template", { template: "plain" }],
    ["select_layer", { select_layer: -2 }],
    ["ps_version", { ps_version: "v3" }],
    ["downsample_ratio", { downsample_ratio: 2 }],
    ["vision_config.hidden_act", { vision_config: { ...published.vision_config, hidden_act: "silu" } }],
    ["vision_config.norm_type", { vision_config: { ...published.vision_config, norm_type: "batch_norm" } }],
    ["use_llm_lora", { use_llm_lora: 16 }],
    ["vision_config.use_moe", { vision_config: { ...published.vision_config, use_moe: true } }],
    ["llm_config.bias", { llm_config: { ...published.llm_config, bias: true } }],
    [
      "llm_config.rope_scaling.type",
      { llm_config: { ...published.llm_config, rope_scaling: { type: "yarn", factor: 2 } } },
    ],
    ["llm_config.vocab_size", { llm_config: { ...published.llm_config, vocab_size: undefined } }],
  ])("%s", (path, change) => {
    const result = miniMonkeyConfig.safeParse({ ...published, ...change });
    expect(result.error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
});
