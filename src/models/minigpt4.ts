/** MiniGPT-4 (Zhu 2023, arXiv 2304.10592): BLIP-2's eyes, one linear layer, Vicuna or LLaMA-2. */
import { z } from "zod";
import { linear } from "../nn/layers.ts";
import { clipNormal } from "../vision/tiles.ts";
import { type Blip2Config, blip2, blip2Fields, imageSize } from "./blip2.ts";
import { longest, steady } from "./decoder.ts";
import { type LlamaConfig, llama, sparseLlamaConfig } from "./llama.ts";
import { type Multimodal, type Usage, usage, usageFields } from "./multimodal.ts";

/** config.json, which is Galago's: the authors' configurations are Python's arguments. `llm` is config.json of the language model. */
export const miniGpt4Config: z.ZodType<MiniGpt4Config> = z.object({
  model_type: z.literal("minigpt4"),
  ...blip2Fields,
  llm: sparseLlamaConfig,
  template: z.string().default("minigpt-4"),
  ...usageFields,
});
export interface MiniGpt4Config extends Blip2Config, Usage {
  model_type: "minigpt4";
  llm: LlamaConfig;
  template: string;
}

/** The whole as running it asks. */
export function miniGpt4(c: MiniGpt4Config): Multimodal {
  return {
    ...usage(c, "single"),
    template: c.template,
    tileSize: imageSize(c),
    tokensPerTile: c.qformer.query_length,
    normal: clipNormal,
    vocabulary: c.llm.vocab_size,
    width: c.llm.hidden_size,
    longest: longest(c.llm),
    steady: steady(c.llm),
    buffers: /rotary_emb\.inv_freq$|embeddings\.position_ids$/,
    sight: (pixels, w) => linear(blip2(pixels, w, c).queries, w.llama_proj, c.llm.hidden_size),
    language: (w) => llama(w.llama_model, c.llm),
  };
}
