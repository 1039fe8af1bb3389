/** Phi-3 (Abdin 2024): LLaMA's graph with queries, keys and values in one matrix, gate and up in another, and LongRoPE beyond 4096 tokens. */
import { z } from "zod";
import { project } from "../nn/layers.ts";
import type { Weights } from "../weights/path.ts";
import { type DecoderConfig, decoder, decoderFields, type LongScaling } from "./decoder.ts";
import type { TextModel } from "./text-model.ts";

const factors = z.array(z.number().positive());
const longScaling: z.ZodType<LongScaling> = z.object({
  type: z.enum(["su", "longrope"]),
  rope_type: z.enum(["su", "longrope"]).optional(),
  short_factor: factors,
  long_factor: factors,
});

/** config.json, or the `llm_config` of a multimodal one; literals are what the code computes. */
export const phi3Config: z.ZodObject & z.ZodType<Phi3Config> = z
  .object({
    model_type: z.literal("phi3"),
    ...decoderFields,
    rope_theta: z.number().positive(),
    rope_scaling: longScaling.nullable(),
    original_max_position_embeddings: z.int().min(2),
    sliding_window: z.int().positive().nullish(),
    partial_rotary_factor: z.literal(1).default(1),
    tie_word_embeddings: z.literal(false).default(false),
    attention_bias: z.literal(false).optional(),
  })
  .check(({ value: { rope_scaling, hidden_size, num_attention_heads }, issues }) => {
    const pairs = hidden_size / num_attention_heads / 2;
    for (const name of ["short_factor", "long_factor"] as const) {
      const found = rope_scaling?.[name];
      if (found && found.length !== pairs)
        issues.push({
          code: "custom",
          input: found,
          path: ["rope_scaling", name],
          message: `expected ${pairs} numbers, one for each pair of a head's elements`,
        });
    }
  });
export interface Phi3Config extends DecoderConfig {
  model_type: "phi3";
  rope_scaling: LongScaling | null;
  original_max_position_embeddings: number;
  partial_rotary_factor: 1;
  tie_word_embeddings: false;
}

/** Phi-3 under its published names. */
export function phi3(w: Weights, c: Phi3Config): TextModel {
  const { num_attention_heads: h, num_key_value_heads: k, intermediate_size: m } = c;
  const e = c.hidden_size / h;
  return decoder(
    {
      embed: w.model.embed_tokens,
      norm: w.model.norm,
      head: w.lm_head,
      layer(i) {
        const { input_layernorm, self_attn, post_attention_layernorm, mlp } = w.model.layers[i];
        return {
          attentionNorm: input_layernorm,
          heads(x) {
            const packed = project(x, self_attn.qkv_proj, (h + 2 * k) * e);
            const part = (from: number, n: number) =>
              packed.slice(2, from * e, (from + n) * e).rearrange("b t (k r e) -> b k r t e", { k, e });
            return [part(0, h), part(h, k), part(h + k, k)];
          },
          out: self_attn.o_proj,
          mlpNorm: post_attention_layernorm,
          gated(x) {
            const packed = project(x, mlp.gate_up_proj, 2 * m);
            return [packed.slice(2, 0, m), packed.slice(2, m, 2 * m)];
          },
          down: mlp.down_proj,
        };
      },
    },
    c,
  );
}
