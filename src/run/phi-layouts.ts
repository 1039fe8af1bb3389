/** Phi-2's weights in each of the layouts that it was published in, under the names of its first Hugging Face port, which TinyGPT-V trained. */
import type { Phi2Config } from "../models/phi2.ts";
import { filled, interleaved } from "../weights/derived.ts";
import { type Part, partOf } from "../weights/published.ts";
import type { TensorFile } from "../weights/tensor-file.ts";

/** Microsoft's names (modeling_phi.py beside the weights of microsoft/phi-2), and Hugging Face's for the same. */
const renamed: readonly (readonly [RegExp, string])[] = [
  [/^transformer\.embd\.wte\./, "model.embed_tokens."],
  [/^transformer\.h\.(\d+)\.ln\./, "model.layers.$1.input_layernorm."],
  [/^transformer\.h\.(\d+)\.mixer\.out_proj\./, "model.layers.$1.self_attn.dense."],
  [/^transformer\.h\.(\d+)\.mixer\.Wqkv\./, "model.layers.$1.self_attn.Wqkv."],
  [/^transformer\.h\.(\d+)\.mlp\./, "model.layers.$1.mlp."],
  [/^lm_head\.ln\./, "model.final_layernorm."],
  [/^lm_head\.linear\./, "lm_head."],
];

/** The tensors of Phi-2 as TinyGPT-V names and packs them: queries, keys and values of a head side by side in `query_key_value`, where the files hold `Wqkv`
 *  (all queries, all keys, all values) or three projections. The norms that TinyGPT-V adds begin as 1, their biases as 0. Throws WeightError. */
export function phiParts(files: ReadonlyMap<string, TensorFile>, c: Phi2Config): Map<string, Part> {
  const { hidden_size: d, num_attention_heads: heads } = c;
  const parts = new Map<string, Part>();
  for (const [key, file] of files) {
    const name = renamed.reduce((name, [from, to]) => name.replace(from, to), key);
    const [, layer, which, what] = /^(.*\.self_attn\.)(Wqkv|[qkv]_proj)\.(weight|bias)$/.exec(name) ?? [];
    if (which === undefined) parts.set(name, partOf(file, key));
    else if (which === "Wqkv") {
      const rows = [0, 1, 2].map((i) => ({ file, key, first: i * d }));
      parts.set(`${layer}query_key_value.${what}`, interleaved(rows, d, heads));
    } else if (which === "q_proj") {
      const rows = ["q_proj", "k_proj", "v_proj"].flatMap((projection) => {
        const at = key.replace("q_proj", projection);
        const file = files.get(at);
        return file ? [{ file, key: at, first: 0 }] : [];
      });
      // Where one is missing, the keys that are left over say so.
      if (rows.length === 3) parts.set(`${layer}query_key_value.${what}`, interleaved(rows, d, heads));
      else parts.set(name, partOf(file, key));
    }
  }
  for (let i = 0; i < c.num_hidden_layers; i++)
    for (const [norm, value, size] of added(d, d / heads)) {
      const name = `model.layers.${i}.${norm}`;
      if (!parts.has(name)) parts.set(name, filled(value, [size]));
    }
  return parts;
}

/** The parameters of the norms that TinyGPT-V adds to each layer: name, first value, length. */
const added = (d: number, e: number): [name: string, value: number, length: number][] => [
  ["self_attn.q_layernorm.weight", 1, e],
  ["self_attn.q_layernorm.bias", 0, e],
  ["self_attn.k_layernorm.weight", 1, e],
  ["self_attn.k_layernorm.bias", 0, e],
  ["post_layernorm.weight", 1, d],
];
