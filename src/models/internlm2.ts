/** InternLM2 (Cai 2024): grouped queries packed in one matrix, rotary positions with dynamic NTK, no bias. */
import { z } from "zod";
import { project } from "../nn/layers.ts";
import type { Weights } from "../weights/path.ts";
import { type DecoderConfig, type DynamicScaling, decoder, decoderFields, dynamicScaling } from "./decoder.ts";
import type { TextModel } from "./text-model.ts";

/** config.json's `llm_config`; literals are what the code computes. */
export const textConfig: z.ZodObject & z.ZodType<TextConfig> = z.object({
  model_type: z.literal("internlm2").optional(),
  ...decoderFields,
  rope_theta: z.number().positive(),
  rope_scaling: dynamicScaling.nullable(),
  bias: z.literal(false),
  tie_word_embeddings: z.literal(false),
  eos_token_id: z.int(),
});
export interface TextConfig extends DecoderConfig {
  model_type?: "internlm2" | undefined;
  rope_scaling: DynamicScaling | null;
  bias: false;
  tie_word_embeddings: false;
  eos_token_id: number;
}

/** InternLM2 under its published names; wqkv packs each group as its queries, key, value. */
export function internlm2(w: Weights, c: TextConfig): TextModel {
  const { num_attention_heads: h, num_key_value_heads: k, intermediate_size: m } = c;
  const r = h / k;
  const e = c.hidden_size / h;
  return decoder(
    {
      embed: w.model.tok_embeddings,
      norm: w.model.norm,
      head: w.output,
      layer(i) {
        const { attention_norm, attention, ffn_norm, feed_forward } = w.model.layers[i];
        return {
          attentionNorm: attention_norm,
          heads(x) {
            const packed = project(x, attention.wqkv, (h + 2 * k) * e).rearrange("b t (k s e) -> b k s t e", { k, e });
            return [packed.slice(2, 0, r), packed.slice(2, r, r + 1), packed.slice(2, r + 1, r + 2)];
          },
          out: attention.wo,
          mlpNorm: ffn_norm,
          gated: (x) => [project(x, feed_forward.w1, m), project(x, feed_forward.w3, m)],
          down: feed_forward.w2,
        };
      },
    },
    c,
  );
}
