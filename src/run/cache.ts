/** The buffers of a conversation's keys and values, which grow ahead of their use. */
import type { Feeds, Values } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { fixed } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";

/** What a graph with a cache in buffers (models/cache.ts) is fed, and where its new rows go. */
export interface Buffers {
  /** Tokens that are cached. */
  readonly length: number;
  /** Makes room for so many tokens in all. */
  reserve(tokens: number): void;
  /** `past.*`, `length` and `seen` for the next run: the buffers themselves. */
  feeds(): Feeds;
  /** Writes the rows of t new tokens behind the others, and which of them are seen by all layers: 1 or 0 each. */
  append(results: Record<string, Values>, t: number, seen: Uint8Array): void;
  /** Forgets all tokens from this one on. */
  cut(length: number): void;
}

/** Room grows in steps of so many tokens: each new size costs the engine a plan. */
const step = 256;

/** The room that is made for so many tokens. */
export const roomFor = (tokens: number): number => Math.max(step, Math.ceil(tokens / step) * step);

/** One cached tensor. Its tokens lie along one axis: `outer` rows of room · inner numbers. */
interface Part {
  readonly name: string;
  readonly outer: number;
  readonly inner: number;
  readonly shape: (tokens: number) => number[];
  readonly dtype: "f32" | "u8";
  data: Float32Array | Uint8Array;
}

/** Buffers for the outputs `present.*` of a graph. */
export function buffers(graph: Outputs): Buffers {
  const parts = Object.entries(graph).flatMap(([name, y]) => {
    const part = name.match(/^present\.(.*)$/)?.[1];
    return part ? [partOf(part, y)] : [];
  });
  let room = 0;
  let length = 0;
  let marks = new Uint8Array();
  return {
    get length() {
      return length;
    },
    reserve(tokens) {
      if (tokens <= room && room) return;
      const wider = roomFor(tokens);
      for (const part of parts) {
        const data = empty(part.dtype, part.outer * wider * part.inner);
        copyRows(part, part.data, room, data, wider, 0, length);
        part.data = data;
      }
      const wide = new Uint8Array(wider);
      wide.set(marks.subarray(0, length));
      marks = wide;
      room = wider;
    },
    feeds: () => ({
      length: { dtype: "i64", shape: [1], data: BigInt64Array.of(BigInt(length)) },
      seen: { dtype: "bool", shape: [room], data: marks },
      ...Object.fromEntries(
        parts.map(({ name, dtype, shape, data }) => [`past.${name}`, { dtype, shape: shape(room), data }]),
      ),
    }),
    append(results, t, seen) {
      for (const part of parts)
        copyRows(part, results[`present.${part.name}`].data as Part["data"], t, part.data, room, length, t);
      marks.set(seen, length);
      length += t;
    },
    cut(tokens) {
      length = Math.min(length, tokens);
    },
  };
}

function partOf(name: string, { shape, dtype }: Tensor): Part {
  if (dtype !== "f32" && dtype !== "u8") throw new Error(`present.${name} is ${dtype}; f32 or u8 was expected`);
  const axis = shape.findIndex((dim) => typeof dim !== "number");
  const product = (dims: readonly unknown[]): number =>
    dims.reduce<number>((n, dim) => n * fixed(dim as number, "the cache"), 1);
  return {
    name,
    outer: product(shape.slice(0, axis)),
    inner: product(shape.slice(axis + 1)),
    shape: (tokens) => shape.map((dim, i) => (i === axis ? tokens : (dim as number))),
    dtype,
    data: empty(dtype, 0),
  };
}

const empty = (dtype: Part["dtype"], n: number): Part["data"] =>
  dtype === "f32" ? new Float32Array(n) : new Uint8Array(n);

/** The first `tokens` of each row of `from`, whose rows are `fromRoom` tokens long, to place `at` in the rows of `to`. */
function copyRows(
  { outer, inner }: Part,
  from: Part["data"],
  fromRoom: number,
  to: Part["data"],
  toRoom: number,
  at: number,
  tokens: number,
): void {
  // One number a row is set faster than a view of it is made.
  if (tokens * inner === 1) for (let row = 0; row < outer; row++) to[row * toRoom + at] = from[row * fromRoom];
  else
    for (let row = 0; row < outer; row++) {
      const start = row * fromRoom * inner;
      to.set(from.subarray(start, start + tokens * inner), (row * toRoom + at) * inner);
    }
}
