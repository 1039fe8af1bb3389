/** Scaled dot-product attention (Vaswani 2017), and which keys a query may see. */
import { plus } from "../graph/shape.ts";
import { constant, iota, type Tensor } from "../graph/tensor.ts";

// Far below any score, yet finite: a row without a visible key stays a number.
const hidden = -1e9;

/** What is added to scores: 0 where a key may be seen, far below any score where not. */
export const bias = (visible: Tensor): Tensor => constant([0], []).where(visible, hidden);

/** q kᵀ / √e + bias. q: [..., t, e], k: [..., s, e] → [..., t, s]; the bias broadcasts against it. */
export const scores = (q: Tensor, k: Tensor, bias: Tensor): Tensor =>
  q
    .mul((q.shape.at(-1) as number) ** -0.5)
    .matmul(k.T)
    .add(bias);

/** softmax(q kᵀ / √e + bias) over the last axis. */
export const probabilities = (q: Tensor, k: Tensor, bias: Tensor): Tensor => scores(q, k, bias).apply("softmax");

/** softmax(q kᵀ / √e + bias) v. v: [..., s, e] → [..., t, e]. */
export const attention = (q: Tensor, k: Tensor, v: Tensor, bias: Tensor): Tensor => probabilities(q, k, bias).matmul(v);

/** softmax(q kᵀ / √e) v of h heads side by side in the last axis, where every key is seen. q: [n, t, h·e], k, v: [n, s, h·e] → [n, t, h·e]. */
export const multiHead = (q: Tensor, k: Tensor, v: Tensor, h: number): Tensor =>
  q.apply("multiHead", [k, v], { heads: h });

/** Key j is seen by the query at place i if j ≤ i. places: [t], s keys → bool [t, s]. */
export function causal(places: Tensor, keys: number | Tensor["shape"][number]): Tensor {
  return iota(keys).lessEqual(places.reshape([...places.shape, 1]));
}

/** Segments share a prefix: a key of segment 0 is seen by all, any other only by its own; −1 is padding, seen by none.
 *  ofQueries: [b, t], ofKeys: [b, s] → bool [b, t, s]. */
export function sameSegment(ofQueries: Tensor, ofKeys: Tensor): Tensor {
  const key = ofKeys.rearrange("b s -> b 1 s");
  // A query of padding counts as one of segment 0, so that no query has the segment −1.
  return key.equal(0).or(key.equal(ofQueries.max(0).rearrange("b t -> b t 1")));
}

/** The places of t new tokens after `past` cached ones: past … past + t − 1. */
export const places = (past: Tensor["shape"][number], t: Tensor["shape"][number]): Tensor =>
  iota(plus(past, t)).slice(0, past, plus(past, t));
