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
  /** Turned queries and keys of layer `index`; of the layers above and of the rest of this one nothing. x: [b, t, d] → [b, k, r, t, e], [b, k, 1, t, e]. */
  queries(index: number, x: Tensor, pass: Pass): [q: Tensor, keys: Tensor];
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

/** Attention probabilities of layer `index` for the queries at the given places over the keys up to them. x: [1, t, d], voters: [r] i64 → [1, h, r, t]. */
export function attentionOf(model: TextModel, index: number, x: Tensor, voters: Tensor, pass: Pass): Tensor {
  const [q, keys] = model.queries(index, x, pass);
  const asked = q.rearrange("1 k r t e -> t k r e").rows(voters).rearrange("t k r e -> 1 k r t e");
  const seen = probabilities(asked, keys, bias(causal(voters, keys.shape[3])));
  return seen.rearrange("1 k r t s -> 1 (k r) t s");
}
