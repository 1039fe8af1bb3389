/** LLaMA (Touvron 2023), Vicuna with it, and Qwen2 and Qwen2.5 (Yang 2024), which add biases to queries, keys and values. */
import { z } from "zod";
import type { Tensor } from "../graph/tensor.ts";
import { linear, project } from "../nn/layers.ts";
import type { Weights } from "../weights/path.ts";
import { type DecoderConfig, decoder, decoderFields } from "./decoder.ts";
import type { TextModel } from "./text-model.ts";

/** config.json, or the `llm_config` of a multimodal one; literals are what the code computes. */
export const llamaConfig: z.ZodObject & z.ZodType<LlamaConfig> = z.object({
  model_type: z.enum(["llama", "qwen2"]),
  ...decoderFields,
  rope_theta: z.number().positive().default(10_000),
  rope_scaling: z.null().default(null),
  use_sliding_window: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().default(false),
});
export interface LlamaConfig extends DecoderConfig {
  model_type: "llama" | "qwen2";
  rope_scaling: null;
  use_sliding_window: false;
  tie_word_embeddings: boolean;
}

/** Such a model under its published names. */
export function llama(w: Weights, c: LlamaConfig): TextModel {
  const { num_attention_heads: h, num_key_value_heads: k } = c;
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
          gate: mlp.gate_proj,
          up: mlp.up_proj,
          down: mlp.down_proj,
        };
      },
    },
    c,
  );
}
