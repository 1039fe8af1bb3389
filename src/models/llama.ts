/** LLaMA (Touvron 2023), Vicuna with it, and Qwen2 and Qwen2.5 (Yang 2024), which add biases to queries, keys and values. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { linear, project } from "../nn/layers.ts";
import type { Weights } from "../weights/path.ts";
import { type DecoderConfig, type DynamicScaling, decoder, decoderFields, dynamicScaling } from "./decoder.ts";
import type { TextModel } from "./text-model.ts";

/** config.json, or the `llm_config` of a multimodal one; literals are what the code computes. */
export const llamaConfig: z.ZodObject & z.ZodType<LlamaConfig> = z.object({
  model_type: z.enum(["llama", "qwen2"]),
  ...decoderFields,
  rope_theta: z.number().positive().default(10_000),
  rope_scaling: dynamicScaling.nullable().default(null),
  use_sliding_window: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.literal(false).optional(),
  mlp_bias: z.literal(false).optional(),
  layer_types: z.array(z.literal("full_attention")).optional(),
  moe_config: z.null().optional(),
});
export interface LlamaConfig extends DecoderConfig {
  model_type: "llama" | "qwen2";
  rope_scaling: DynamicScaling | null;
  use_sliding_window: false;
  tie_word_embeddings: boolean;
}

/** What transformers' LlamaConfig says where a config.json says nothing. */
const defaults = {
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 11_008,
  num_hidden_layers: 32,
  hidden_act: "silu",
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
};

/** The same of a LLaMA or Vicuna whose config.json leaves out what is LLaMA-7B's; each head has keys of its own where nothing else is said. */
export const sparseLlamaConfig: z.ZodType<LlamaConfig> = z
  .looseObject({ model_type: z.literal("llama"), num_attention_heads: z.int().positive().default(32) })
  .transform((c): Record<string, unknown> => ({ ...defaults, num_key_value_heads: c.num_attention_heads, ...c }))
  .pipe(llamaConfig);

/** Such a model under its published names. */
export function llama(w: Weights, c: LlamaConfig): TextModel {
  const { num_attention_heads: h, num_key_value_heads: k, intermediate_size: m } = c;
  const e = c.hidden_size / h;
  const biased = c.model_type === "qwen2" ? linear : project;
  return decoder(
    {
      embed: w.model.embed_tokens,
      norm: w.model.norm,
      head: c.tie_word_embeddings ? w.model.embed_tokens : w.lm_head,
      layer(i) {
        const { input_layernorm, self_attn, post_attention_layernorm, mlp } = w.model.layers[i];
        const groups = (x: Tensor, w: Weights, n: number): Tensor =>
          biased(x, w, n * e).rearrange("b t (k r e) -> b k r t e", { k, e });
        return {
          attentionNorm: input_layernorm,
          heads: (x) => [
            groups(x, self_attn.q_proj, h),
            groups(x, self_attn.k_proj, k),
            groups(x, self_attn.v_proj, k),
          ],
          out: self_attn.o_proj,
          mlpNorm: post_attention_layernorm,
          gated: (x) => [project(x, mlp.gate_proj, m), project(x, mlp.up_proj, m)],
          down: mlp.down_proj,
        };
      },
    },
    c,
  );
}
