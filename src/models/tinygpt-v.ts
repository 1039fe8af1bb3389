/** TinyGPT-V (Yuan 2023, arXiv 2312.16862): BLIP-2's eyes, two linear layers, Phi-2 with extra norms. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { linear } from "../nn/layers.ts";
import { clipNormal } from "../vision/tiles.ts";
import type { Weights } from "../weights/path.ts";
import { type Blip2Config, blip2, blip2Fields } from "./blip2.ts";
import { type Multimodal, type Usage, usage, usageFields } from "./multimodal.ts";
import { type LoraConfig, loraConfig, type Phi2Config, phi2, phi2Config } from "./phi2.ts";
import type { TextModel } from "./text-model.ts";

const visionFields = {
  ...blip2Fields,
  proj: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
};

/** How an image becomes tokens; `proj`: the widths before, between and after the two projections. */
export const tinyGptVisionConfig: z.ZodType<TinyGptVisionConfig> = z.object(visionFields);
export interface TinyGptVisionConfig extends Blip2Config {
  proj: [from: number, through: number, to: number];
}

const modelFields = { ...visionFields, llm: phi2Config, lora: loraConfig.optional() };

/** The whole model; with `lora`, its language model has adapters. */
export const tinyGptVConfig: z.ZodType<TinyGptVConfig> = z.object(modelFields);
export interface TinyGptVConfig extends TinyGptVisionConfig {
  llm: Phi2Config;
  lora?: LoraConfig | undefined;
}

/** config.json of a folder, which is Galago's own: the authors publish none. The last six keys may be left out. */
export const tinyGptVFolder: z.ZodType<TinyGptVFolder> = z.object({
  model_type: z.literal("tinygpt_v"),
  stage: z.literal([1, 2, 3, 4]),
  /** Side of an image, in pixels. */
  image_size: z.int().positive(),
  ...modelFields,
  template: z.string().optional(),
  repetition_penalty: z.number().optional(),
  ...usageFields,
});
export interface TinyGptVFolder extends TinyGptVConfig, Usage {
  model_type: "tinygpt_v";
  /** Of the training; it decides how the model is asked. */
  stage: 1 | 2 | 3 | 4;
  image_size: number;
  template?: string | undefined;
  repetition_penalty?: number | undefined;
}

/** How the authors' demos ask: demo.py for the first three stages, demo_v2.py for the last. They draw from the likeliest words; what they set besides is kept. */
const demo = { template: "tinygpt-v", maxNewTokens: 300 };
const demoV2 = { template: "tinygpt-v-stage4", maxNewTokens: 500 };
const repetitionPenalty = 1.05;

/** The whole as running it asks. */
export function tinyGptV(c: TinyGptVFolder): Multimodal {
  const asked = c.stage === 4 ? demoV2 : demo;
  return {
    ...usage(c, "single"),
    tileSize: c.image_size,
    tokensPerTile: c.qformer.query_length,
    normal: clipNormal,
    template: c.template ?? asked.template,
    maxNewTokens: c.max_new_tokens ?? asked.maxNewTokens,
    repetitionPenalty: c.repetition_penalty ?? repetitionPenalty,
    vocabulary: c.llm.vocab_size,
    width: c.llm.hidden_size,
    longest: c.llm.max_position_embeddings,
    steady: Number.POSITIVE_INFINITY,
    buffers: /^Qformer\.bert\.embeddings\.position_ids$/,
    sight: (pixels, w) => tinyGptSight(pixels, w, c).tokens,
    language: (w) => tinyGptLanguageModel(w, c),
  };
}

/** What the eyes make of an image: the normed features, the queries that read them, and the tokens of the language model. */
export interface Sight {
  features: Tensor;
  queries: Tensor;
  tokens: Tensor;
}

/** pixels: [n, 3, h, w] → features [n, 1 + h/p · w/p, tower width], queries [n, q, proj[0]], tokens [n, q, proj[2]]. Between the two linear
 *  layers there is neither an activation nor a norm. */
export function tinyGptSight(pixels: Tensor, w: Weights, c: TinyGptVisionConfig): Sight {
  const { features, queries } = blip2(pixels, w, c);
  const [, through, to] = c.proj;
  return { features, queries, tokens: linear(linear(queries, w.llama_proj, through), w.llama_proj2, to) };
}

/** The language model at its place in the whole: adapters wrap it in two more names (PEFT 0.2). */
export function tinyGptLanguageModel(w: Weights, { llm, lora }: TinyGptVConfig): TextModel {
  return phi2(lora ? w.llama_model.base_model.model : w.llama_model, llm, lora);
}
