/** The decoders of LLaMA's kind, written out in loops (transformers: modeling_llama, modeling_qwen2, modeling_phi3). */
import type { Value } from "../../src/graph/op.ts";
import { attended, plain, plus, type Row, turned } from "./plain.ts";

/** What the computation reads of a configuration. */
interface Sizes {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly tie_word_embeddings: boolean;
}

/** config.json of a LLaMA of a few numbers. */
export const tinyLlama = {
  model_type: "llama",
  vocab_size: 13,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};

/** How positions turn: the angle of a pair at a position, and the amplitude. */
export interface Turning {
  angle(position: number, pair: number): number;
  readonly amplitude?: number;
}

/** The embeddings of ids; `root` is what stands in front of the keys. */
export function embedded(ids: readonly number[], c: Sizes, weights: Record<string, Value>, root = ""): Row[] {
  const { row } = plain(weights);
  return ids.map((id) => row(`${root}model.embed_tokens.weight`, id, c.hidden_size));
}

/** Logits of every token, from its embedding. */
export function decoded(
  x: Row[],
  c: Sizes,
  weights: Record<string, Value>,
  root = "",
  { angle, amplitude }: Turning = plainTurning(c),
): Row[] {
  const { linear, rmsNorm, has } = plain(weights);
  const e = c.hidden_size / c.num_attention_heads;
  /** Parts of one product, or each its own. */
  const parts = (x: Row, own: string, packed: string, names: readonly string[], lengths: readonly number[]): Row[] => {
    if (!has(`${own}.${packed}.weight`)) return names.map((name) => linear(x, `${own}.${name}`));
    const all = linear(x, `${own}.${packed}`);
    let from = 0;
    return lengths.map((length) => all.slice(from, (from += length)));
  };
  const kv = c.num_key_value_heads * e;
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const own = `${root}model.layers.${i}`;
    const qkv = x.map((token) =>
      parts(
        rmsNorm(token, `${own}.input_layernorm`, c.rms_norm_eps),
        `${own}.self_attn`,
        "qkv_proj",
        ["q_proj", "k_proj", "v_proj"],
        [c.hidden_size, kv, kv],
      ),
    );
    const [q, k] = [0, 1].map((part) =>
      qkv.map((token, t) => turned(token[part], e, (pair) => angle(t, pair), amplitude)),
    );
    const v = qkv.map((token) => token[2]);
    const mixed = attended(q, k, v, c.num_attention_heads, (t) => t + 1);
    x = x.map((token, t) => plus(token, linear(mixed[t], `${own}.self_attn.o_proj`)));
    x = x.map((token) => {
      const normed = rmsNorm(token, `${own}.post_attention_layernorm`, c.rms_norm_eps);
      const m = c.intermediate_size;
      const [gate, up] = parts(normed, `${own}.mlp`, "gate_up_proj", ["gate_proj", "up_proj"], [m, m]);
      const inner = gate.map((g, j) => (g / (1 + Math.exp(-g))) * up[j]);
      return plus(token, linear(inner, `${own}.mlp.down_proj`));
    });
  }
  const head = c.tie_word_embeddings ? `${root}model.embed_tokens` : `${root}lm_head`;
  return x.map((token) => linear(rmsNorm(token, `${root}model.norm`, c.rms_norm_eps), head));
}

/** Logits of visual tokens between ids. */
export function around(
  tokens: Row[],
  before: readonly number[],
  behind: readonly number[],
  c: Sizes,
  weights: Record<string, Value>,
  root: string,
): Row[] {
  const words = (ids: readonly number[]): Row[] => embedded(ids, c, weights, root);
  return decoded([...words(before), ...tokens, ...words(behind)], c, weights, root);
}

const plainTurning = ({ rope_theta, hidden_size, num_attention_heads }: Sizes): Turning => ({
  angle: (position, pair) => position * rope_theta ** ((-2 * pair * num_attention_heads) / hidden_size),
});
