/** Keys and values of earlier tokens: how a layer attends to them and to the new ones. */
import { ShapeError } from "../errors.ts";
import type { Outputs } from "../graph/graph.ts";
import { type Dim, minus, plus, type Shape, size } from "../graph/shape.ts";
import { concat, constant, input, iota, type Tensor } from "../graph/tensor.ts";
import { attention, bias, causal, places, sameSegment } from "../nn/attention.ts";

/** One layer's attention. q: [b, k, r, t, e], keys and values of the t new tokens: [b, k, 1, t, e] → [b, k, r, t, e]. */
export type Attend = (q: Tensor, keys: Tensor, values: Tensor) => Tensor;

/** What attention needs of a language model's sizes: the keys, or values, of one layer for b conversations of t tokens. */
interface Sized {
  cacheShape<T>(b: number | T, t: T): readonly (number | T)[];
}

/** What is remembered of earlier tokens. */
export interface Cache {
  /** Attention of t new tokens, called once a layer in the layers' order. segments: of all tokens, cached ones first (see nn/attention.ts). */
  attending(t: Dim, segments?: Tensor): Attend;
  /** Length of the text that the t new tokens are read of, as far as it is known: f32 [1], or [b, 1, 1] where conversations differ. */
  total(t: Dim): Tensor;
}

/** A cache with the outputs that it adds to the graph: `present.i.key`, `present.i.value`. */
export type CacheGraph = Cache & { readonly outputs: Outputs };

/** The same in buffers; `length` [rows, 1]: how many tokens of each conversation are cached. */
export type BufferGraph = CacheGraph & { readonly length: Tensor };

/** No cache: the tokens are all there is. */
export const nothing: Cache = {
  attending: (t, segments) => seeing(0, t, segments),
  total: lengthOf,
};

/** A size as f32 [1]. */
function lengthOf(n: Dim): Tensor {
  return iota(n).slice(0, minus(n, 1), n).cast("f32").add(1);
}

/** Each new token sees what came before it, in its own segment. Keys and values are of past + t tokens. */
function seeing(past: Dim, t: Dim, segments?: Tensor): Attend {
  const length = plus(past, t);
  const before = causal(places(past, t), length);
  const visible = segments
    ? sameSegment(segments.slice(1, past, length), segments)
        .and(before)
        .rearrange("b t s -> b 1 1 t s")
    : before;
  const added = bias(visible);
  if (past === 0 && typeof t === "number" && t > piece) return piecewise(t, added);
  return (q, keys, values) => attention(q, keys, values, added);
}

/** Queries that look together. More cost what none of them sees; with fewer, products are too small to be fast. */
const piece = 256;

/** Attention of t tokens, no cached ones before them, where a piece of the queries meets only the keys up to its own end: of the t² scores, half of which
 *  nobody sees, little more than the other half is computed. */
function piecewise(t: number, added: Tensor): Attend {
  const pieces = Array.from({ length: Math.ceil(t / piece) }, (_, i) => {
    const [from, to] = [i * piece, Math.min((i + 1) * piece, t)];
    return { from, to, added: added.slice(-2, from, to).slice(-1, 0, to) };
  });
  return (q, keys, values) => {
    const mixed = pieces.map(({ from, to, added }) =>
      attention(q.slice(3, from, to), keys.slice(3, 0, to), values.slice(3, 0, to), added),
    );
    return concat(mixed, 3);
  };
}

/** A cache of b conversations that is handed over whole: inputs `past.i.*`, outputs `present.i.*` with the new tokens behind. */
export function growingCache(model: Sized, b: number, past: Dim): CacheGraph {
  const outputs: Record<string, Tensor> = {};
  return {
    outputs,
    total: (t) => lengthOf(plus(past, t)),
    attending(t, segments) {
      const attend = seeing(past, t, segments);
      let i = 0;
      return (q, keys, values) => {
        const longer = (part: "key" | "value", now: Tensor): Tensor => {
          const all = concat([input(`past.${i}.${part}`, model.cacheShape<Dim>(b, past)), now], 3);
          outputs[`present.${i}.${part}`] = all;
          return all;
        };
        const all: [Tensor, Tensor] = [longer("key", keys), longer("value", values)];
        i++;
        return attend(q, ...all);
      };
    },
  };
}

/** A layer's attention to what is cached, in a form of its own: the probabilities' argument for the cached tokens, and what they fetch. */
interface Stored {
  /** q kᵀ of the cached keys. q, scaled: [b, k, 1, r·t, e] → [b, k, 1, r·t, room]. */
  scores(q: Tensor): Tensor;
  /** p v of the cached values. p: [b, k, 1, r·t, room] → [b, k, 1, r·t, e]. */
  fetched(p: Tensor): Tensor;
}

/** How a layer's keys and values are kept: `outputs` gets the new rows in that form under `present.i.*`. */
type Store = (i: number, keys: Tensor, values: Tensor, outputs: Record<string, Tensor>) => Stored;

/** Conversations side by side, each in buffers as long as the longest needs. */
const rows = size("rows");
const room = size("room");

/** A cache of conversations in buffers with room for more: inputs `past.i.*` of `room` tokens, of which `length` [rows] i64 are taken; outputs
 *  `present.i.*` of the new tokens alone, which whoever runs the graph writes behind. Nothing that is cached is ever copied. Where a prompt is read in
 *  pieces, all of them turn by the length of the whole: `total` [rows] i64. From layer `deep` on only some of the cached and of the new tokens are seen:
 *  `seen` [rows, room] and `seenNow` [rows, tokens] bool. */
function inBuffers(store: Store, deep?: number): BufferGraph {
  const outputs: Record<string, Tensor> = {};
  const length = input("length", [rows], "i64").reshape([rows, 1]);
  return {
    outputs,
    length,
    total: () => input("total", [rows], "i64").cast("f32").reshape([rows, 1, 1]),
    attending(t, segments) {
      if (segments) throw new ShapeError("a cache in buffers holds conversations without segments");
      const taken = iota(room).less(length);
      const before = causal(iota(t), t);
      const old = (visible: Tensor): Tensor => bias(visible).rearrange("b s -> b 1 1 1 s");
      const shallow = { taken: old(taken), before: bias(before) };
      const some = (name: string, n: Dim): Tensor => input(name, [rows, n], "bool");
      const now = (): Tensor =>
        before.and(some("seenNow", t).rearrange("b s -> b 1 s")).rearrange("b t s -> b 1 1 t s");
      const rest = deep === undefined ? shallow : { taken: old(taken.and(some("seen", room))), before: bias(now()) };
      let i = 0;
      return (q, keys, values) => {
        const { taken, before } = i < (deep ?? 0) ? shallow : rest;
        const stored = store(i++, keys, values, outputs);
        const { under, heads } = folded(q);
        const asked = under(q.mul((q.shape.at(-1) as number) ** -0.5));
        const scores = [heads(stored.scores(asked)).add(taken), heads(asked.matmul(keys.T)).add(before)];
        const seen = concat(scores, -1).apply("softmax");
        const fetched = stored.fetched(under(seen.slice(-1, 0, room)));
        return heads(fetched.add(under(seen.slice(-1, room, plus(room, t))).matmul(values)));
      };
    },
  };
}

/** The r heads of a group under each other, so that a group's keys are read once for all of them; and back. */
function folded({ shape: [, , r] }: Tensor): { under: (x: Tensor) => Tensor; heads: (x: Tensor) => Tensor } {
  return {
    under: (x) => x.rearrange("b k r t e -> b k 1 (r t) e"),
    heads: (x) => x.rearrange("b k 1 (r t) e -> b k r t e", { r }),
  };
}

/** Keys and values as they are: past.i.key and past.i.value [rows, k, 1, room, e]. */
export const floatCache = (model: Sized, deep?: number): BufferGraph =>
  inBuffers((i, keys, values, outputs) => {
    const past = (part: string, now: Tensor): Tensor => {
      outputs[`present.${i}.${part}`] = now;
      return input(`past.${i}.${part}`, model.cacheShape<Dim>(rows, room));
    };
    const [oldKeys, oldValues] = [past("key", keys), past("value", values)];
    return { scores: (q) => q.matmul(oldKeys.T), fetched: (p) => p.matmul(oldValues) };
  }, deep);

/** Keys and values in 8 bits, each token's by its own largest magnitude: a quarter of the memory, products of integers. past.i.key [rows, k, 1, e, room] and
 *  past.i.value [rows, k, 1, room, e] are u8 around 128, past.i.keyScale and past.i.valueScale [rows, k, 1, 1, room] what they are multiplied by.
 *  Keys have loud channels (Liu 2024, KIVI), which would take all of the 8 bits: an orthogonal transform of queries and keys, which changes no
 *  product of the two, spreads them (Ashkboos 2024, QuaRot; there Hadamard's, here the cosine transform, which every length has). */
export const byteCache = (model: Sized, deep?: number): BufferGraph =>
  inBuffers((i, keys, values, outputs) => {
    const [, k, , , e] = model.cacheShape(1, 1);
    const spread = constant(cosines(e), [e, e]);
    const past = (part: string, now: Tensor, shape: Shape): Tensor => {
      outputs[`present.${i}.${part}`] = now;
      return input(`past.${i}.${part}`, shape, now.dtype);
    };
    const [newKeys, keyScale] = bytes(keys.matmul(spread));
    const [newValues, valueScale] = bytes(values);
    const oldKeys = past("key", newKeys.T, [rows, k, 1, e, room]);
    const oldKeyScale = past("keyScale", keyScale.T, [rows, k, 1, 1, room]);
    const oldValues = past("value", newValues, [rows, k, 1, room, e]);
    const oldValueScale = past("valueScale", valueScale.T, [rows, k, 1, 1, room]);
    return {
      scores(q) {
        const [asked, scale] = bytes(q.matmul(spread));
        return asked.apply("matmul8", [oldKeys], around128).mul(scale).mul(oldKeyScale);
      },
      fetched(p) {
        // Probabilities are not negative: they have all 8 bits.
        const weighted = p.mul(oldValueScale);
        const scale = weighted.maximum().max(tiny).div(255);
        const rounded = weighted.div(scale).apply("round8", [], { zero: 0 });
        return rounded.apply("matmul8", [oldValues], { ...around128, aZero: 0 }).mul(scale);
      },
    };
  }, deep);

const around128 = { aZero: 128, bZero: 128 };
const tiny = 1e-30;

/** Rows in 8 bits around 128, and what each is multiplied by. x: [..., e] → u8 [..., e], f32 [..., 1]. */
function bytes(x: Tensor): [Tensor, Tensor] {
  const scale = x.apply("abs").maximum().max(tiny).div(127);
  return [x.div(scale).apply("round8", [], { zero: 128 }), scale];
}

/** The orthonormal cosine transform of length n (Ahmed 1974), [n, n]: column k is the wave of frequency k. */
function cosines(n: number): Float32Array {
  return Float32Array.from({ length: n * n }, (_, at) => {
    const [i, k] = [Math.floor(at / n), at % n];
    return Math.sqrt((k ? 2 : 1) / n) * Math.cos((Math.PI * (i + 0.5) * k) / n);
  });
}
