/** What the rest of Galago asks of any language model. */
import type { Tensor } from "../graph/tensor.ts";
import { bias, causal, probabilities } from "../nn/attention.ts";
import type { Cache } from "./cache.ts";

/** A language model bound to its weights and its configuration. */
export interface TextModel {
  /** d, the length of a hidden state; v, the number of logits. */
  readonly width: number;
  readonly vocabulary: number;
  /** One layer's cached keys, or values, of b conversations of t tokens: [b, groups, 1, t, e]. */
  cacheShape<T>(b: number | T, t: T): readonly (number | T)[];
  /** ids: [b, t] → [b, t, d]. */
  embed(ids: Tensor): Tensor;
  /** Hidden states: the input, after each layer, and last after the final norm. x: [b, t, d]. */
  states(x: Tensor, pass: Pass): Tensor[];
  /** Logits. x: [b, t, d] → [b, t, v]. */
  head(x: Tensor): Tensor;
  /** Attention probabilities of layer `index` for the queries at the given places. x: [1, t, d], voters: [r] i64 → [1, h, r, t]. */
  attentionOf(index: number, x: Tensor, voters: Tensor, pass: Pass): Tensor;
}

/** What a pass knows besides the tokens. positions: [b, t] i64; segments: [b, past + t] i64 (see nn/attention.ts). */
export interface Pass {
  positions: Tensor;
  segments?: Tensor;
  cache?: Cache;
}

/** Embeddings with the visual tokens written, in order, over the placeholders. ids: [b, t], features: [f, d] → [b, t, d]. */
export function merged(ids: Tensor, features: Tensor, placeholder: number, model: TextModel): Tensor {
  const here = ids.equal(placeholder);
  const order = here.cast("i64").rearrange("b t -> (b t)").apply("cumsum", [], { axis: 0 }).sub(1).max(0);
  return features.rows(order.reshape(ids.shape)).where(here.rearrange("b t -> b t 1"), model.embed(ids));
}

/** Attention probabilities of the queries at the given places over the keys up to them. q: [1, k, r, t, e], keys: [1, k, 1, t, e], voters: [v] → [1, k·r, v, t]. */
export function attentionAt(voters: Tensor, q: Tensor, keys: Tensor): Tensor {
  const asked = q.rearrange("1 k r t e -> t k r e").rows(voters).rearrange("t k r e -> 1 k r t e");
  const seen = probabilities(asked, keys, bias(causal(voters, keys.shape[3])));
  return seen.rearrange("1 k r t s -> 1 (k r) t s");
}
