/** A whole model folder of a few kilobytes: random weights from a seed, tokens that are bytes. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/data/random.ts";
import type { TextConfig } from "../../src/models/internlm2.ts";
import { type MiniMonkeyConfig, miniMonkeyConfig } from "../../src/models/mini-monkey.ts";
import { type MiniGpt4Config, miniGpt4Config } from "../../src/models/minigpt4.ts";
import { type TinyGptVFolder, tinyGptVFolder } from "../../src/models/tinygpt-v.ts";
import { languageGraph } from "../../src/run/language.ts";
import { modelOf } from "../../src/run/models.ts";
import { sightGraph } from "../../src/run/sight.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { type Initial, weights } from "../../src/weights/path.ts";
import { writeSafetensors } from "../../src/weights/safetensors.ts";
import { golden } from "./altered.ts";

/** config.json: tiles of 56 pixels, 4 tokens each; `changes` replace keys of the top level. */
export function tinyConfig(changes: Partial<MiniMonkeyConfig> = {}): MiniMonkeyConfig {
  return miniMonkeyConfig.parse({
    model_type: "internvl_chat",
    template: "internlm2-chat",
    force_image_size: 56,
    downsample_ratio: 0.5,
    select_layer: -1,
    ps_version: "v2",
    system_message: "",
    vision_config: {
      hidden_size: 32,
      intermediate_size: 64,
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
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      hidden_act: "silu",
      max_position_embeddings: 4096,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      rope_scaling: null,
      bias: false,
      tie_word_embeddings: false,
      eos_token_id: 4,
    },
    ...changes,
  });
}

/** A folder with a Mini-Monkey whose MLPs are so wide that reading them takes a while; returns it. */
export const wideModel = (folder: string): string =>
  tinyModel(folder, { config: { llm_config: { ...tinyConfig().llm_config, intermediate_size: 25_000 } } });

/** Random even where a model would begin with given values: what depends on a weight shows. */
const deviation = (initial: Initial): number => ("deviation" in initial ? initial.deviation : 0.1);

/** The config.json of a TinyGPT-V of the sizes of golden/tinygptv_e2e that reads bytes: tiles of 56 pixels, 32 tokens each. */
export function tinyGptConfig(changes: Partial<TinyGptVFolder> = {}): TinyGptVFolder {
  const sizes = JSON.parse(readFileSync(join(golden("tinygptv_e2e"), "config.json"), "utf8"));
  const llm = { ...sizes.llm, vocab_size: 264 };
  return tinyGptVFolder.parse({ model_type: "tinygpt_v", stage: 4, image_size: 56, ...sizes, llm, ...changes });
}

/** The config.json of a MiniGPT-4 with the eyes of that, and a LLaMA of the sizes of `tinyConfig`. */
export function tinyMiniGpt4Config(): MiniGpt4Config {
  const { vit, qformer } = tinyGptConfig();
  const { bias: _, ...llm } = tinyConfig().llm_config as TextConfig;
  return miniGpt4Config.parse({ model_type: "minigpt4", vit, qformer, llm: { ...llm, model_type: "llama" } });
}

/** `spoil` changes a weight before it is stored; null leaves it out. */
interface WholeOptions {
  readonly seed?: number;
  readonly spoil?: (key: string, data: Float32Array) => Float32Array | null;
}

/** `says`: the id that the model chooses always. */
export interface TinyOptions extends WholeOptions {
  readonly config?: Partial<MiniMonkeyConfig>;
  readonly says?: number;
}

/** A folder with the weights of Mini-Monkey at tiny size; returns it. */
export function tinyModel(folder: string, { config, seed, says, spoil = (_, data) => data }: TinyOptions = {}): string {
  const c = tinyConfig(config);
  return tinyWhole(folder, c, {
    seed,
    spoil: (key, data) => spoil(key, says === undefined ? data : constant(key, data, says, c)),
  });
}

/** Writes config.json, tokenizer.json and model.safetensors into a folder, made if need be; returns the folder. */
export function tinyWhole(
  folder: string,
  config: object,
  { seed = 1, spoil = (_, data) => data }: WholeOptions = {},
): string {
  const source = openEnded();
  const w = weights(source);
  const model = modelOf(config, "config.json");
  sightGraph(w, model);
  languageGraph(model.language(w));
  const random = new Random("tiny", seed);
  // Uniform numbers of variance 1.
  const uniform = (): number => random.real(-0.5, 0.5) * Math.sqrt(12);
  const tensors = [...source.wanted].flatMap(([key, { shape, initial }]) => {
    const length = shape.reduce((n, d) => n * d, 1);
    const value = (): number => ("value" in initial ? initial.value : uniform() * deviation(initial));
    const data = spoil(key, Float32Array.from({ length }, value));
    return data ? [[key, { dtype: "F32", shape, data }] as const] : [];
  });
  mkdirSync(folder, { recursive: true });
  writeSafetensors(join(folder, "model.safetensors"), tensors);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(byteTokenizer()));
  return folder;
}

/** Every token begins as ones and no layer adds to it; only the row of `says` answers to ones. */
function constant(key: string, data: Float32Array, says: number, { llm_config: { hidden_size: d } }: MiniMonkeyConfig) {
  if (key.endsWith("tok_embeddings.weight")) return data.fill(1);
  if (key.endsWith("wo.weight") || key.endsWith("w2.weight")) return data.fill(0);
  if (key.endsWith("output.weight")) return data.fill(0).fill(1, says * d, (says + 1) * d);
  return data;
}
