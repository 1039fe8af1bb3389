/** What the rest of Galago asks of any language model, and the cache that all of them share. */
import type { Outputs } from "../graph/graph.ts";
import { type Dim, fixed, plus } from "../graph/shape.ts";
import { concat, input, type Tensor } from "../graph/tensor.ts";
import { bias, causal, places, probabilities, sameSegment } from "../nn/attention.ts";

/** A language model bound to its weights and its configuration. */
export interface TextModel {
  /** d, the length of a hidden state; v, the number of logits. */
  readonly width: number;
  readonly vocabulary: number;
  /** One layer's cached keys, or values, of b conversations of t tokens: [b, groups, 1, t, e]. */
  cacheShape<T>(b: number, t: T): readonly (number | T)[];
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

/** Keys and values of earlier tokens: `append` returns all of them for a layer. */
export interface Cache {
  past: Dim;
  append(keys: Tensor, values: Tensor): [keys: Tensor, values: Tensor];
}

/** Embeddings with the visual tokens written, in order, over the placeholders. ids: [b, t], features: [f, d] → [b, t, d]. */
export function merged(ids: Tensor, features: Tensor, placeholder: number, model: TextModel): Tensor {
  const here = ids.equal(placeholder);
  const order = here.cast("i64").rearrange("b t -> (b t)").apply("cumsum", [], { axis: 0 }).sub(1).max(0);
  return features.rows(order.reshape(ids.shape)).where(here.rearrange("b t -> b t 1"), model.embed(ids));
}

/** A cache of b conversations as inputs `past.i.key`, `past.i.value` and outputs `present.i.key`, `present.i.value`. */
export function cacheOf(model: TextModel, b: number, past: Dim): Cache & { outputs: Record<string, Tensor> } {
  const outputs: Record<string, Tensor> = {};
  let i = 0;
  return {
    past,
    outputs,
    append(keys, values) {
      const longer = (part: "key" | "value", now: Tensor): Tensor => {
        const all = concat([input(`past.${i}.${part}`, model.cacheShape<Dim>(b, past)), now], 3);
        outputs[`present.${i}.${part}`] = all;
        return all;
      };
      const all: [Tensor, Tensor] = [longer("key", keys), longer("value", values)];
      i++;
      return all;
    },
  };
}

/** The cached parts of a graph with such a cache, `i.key` and `i.value`, and the shape of each for t tokens. */
export function cachedParts(graph: Outputs): { parts: string[]; shape(t: number): number[] } {
  const parts = Object.keys(graph).flatMap((name) => name.match(/^present\.(.*)$/)?.[1] ?? []);
  const { shape } = graph[`present.${parts[0]}`];
  return { parts, shape: (t) => shape.map((dim, axis) => (axis === 3 ? t : fixed(dim, "the cache"))) };
}

/** Attention probabilities of the queries at the given places over the keys up to them. q: [1, k, r, t, e], keys: [1, k, 1, t, e], voters: [v] → [1, k·r, v, t]. */
export function attentionAt(voters: Tensor, q: Tensor, keys: Tensor): Tensor {
  const asked = q.rearrange("1 k r t e -> t k r e").rows(voters).rearrange("t k r e -> 1 k r t e");
  const seen = probabilities(asked, keys, bias(causal(voters, keys.shape[3])));
  return seen.rearrange("1 k r t s -> 1 (k r) t s");
}

/** What is added to the scores of t new tokens so that each sees what came before it, in its own segment: against [b, groups, heads, t, past + t]. */
export function biasOf(t: Dim, { segments, cache }: Pass): Tensor {
  const past = cache?.past ?? 0;
  const length = plus(past, t);
  const before = causal(places(past, t), length);
  if (!segments) return bias(before);
  const together = sameSegment(segments.slice(1, past, length), segments).and(before);
  return bias(together.rearrange("b t s -> b 1 1 t s"));
}
