/** TinyGPT-V (Yuan 2023, arXiv 2312.16862): BLIP-2's eyes, two linear layers, Phi-2 with extra norms. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { linear } from "../nn/layers.ts";
import type { Weights } from "../weights/path.ts";
import { type Blip2Config, blip2, blip2Fields } from "./blip2.ts";
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

/** The whole model; with `lora`, its language model has adapters. */
export const tinyGptVConfig: z.ZodType<TinyGptVConfig> = z.object({
  ...visionFields,
  llm: phi2Config,
  lora: loraConfig.optional(),
});
export interface TinyGptVConfig extends TinyGptVisionConfig {
  llm: Phi2Config;
  lora?: LoraConfig | undefined;
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
