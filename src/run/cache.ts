/** The buffers of conversations' keys and values, which grow ahead of their use. */
import type { Feeds, Values } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { fixed } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";

/** What a graph with a cache in buffers (models/cache.ts) is fed, and where its new rows go. Conversations have seats, from 0, side by side. */
export interface Buffers {
  /** Tokens that a seat has cached. */
  length(seat: number): number;
  /** Makes room for so many tokens at every seat, and no more than that and what is cached asks for: attention looks through all of it. Memory is taken
   *  for `most`, once, where room will grow. */
  reserve(tokens: number, most?: number): void;
  /** `past.*`, `length` and `seen` for the next run of n seats: the buffers themselves. */
  feeds(first: number, n: number): Feeds;
  /** Writes the t new tokens of a row of the results behind the others of a seat, and which of them are seen by all layers: 1 or 0 each. */
  append(results: Record<string, Values>, row: number, seat: number, t: number, seen: Uint8Array): void;
  /** Forgets all tokens of a seat from this one on. */
  cut(seat: number, length: number): void;
}

/** Room grows in steps of so many tokens: each new size costs the engine a plan. */
const step = 256;

/** The room that is made for so many tokens. */
export const roomFor = (tokens: number): number => Math.max(step, Math.ceil(tokens / step) * step);

/** One cached tensor. Its tokens lie along one axis: for each seat, `outer` rows of room · inner numbers. */
interface Part {
  readonly name: string;
  readonly outer: number;
  readonly inner: number;
  readonly shape: (seats: number, tokens: number) => number[];
  readonly dtype: "f32" | "u8";
  data: Float32Array | Uint8Array;
}

/** Buffers for the outputs `present.*` of a graph, [rows, ..., tokens, ...] each. */
export function buffers(graph: Outputs, seats = 1): Buffers {
  const parts = Object.entries(graph).flatMap(([name, y]) => {
    const part = name.match(/^present\.(.*)$/)?.[1];
    return part ? [partOf(part, y)] : [];
  });
  const lengths = Array<number>(seats).fill(0);
  let room = 0;
  let marks = new Uint8Array();
  return {
    length: (seat) => lengths[seat],
    reserve(tokens, most = tokens) {
      for (const part of parts) part.data = atLeast(part.data, seats * part.outer * roomFor(most) * part.inner);
      marks = atLeast(marks, seats * roomFor(most));
      const next = roomFor(Math.max(tokens, ...lengths));
      if (next === room) return;
      for (const part of parts) relay(part, part.data, lengths, room, next);
      relay({ outer: 1, inner: 1 }, marks, lengths, room, next);
      room = next;
    },
    feeds(first, n) {
      const length = BigInt64Array.from(lengths.slice(first, first + n), BigInt);
      const pasts = parts.map((part) => {
        const data = ofRow(part, part.data, first, room, n);
        return [`past.${part.name}`, { dtype: part.dtype, shape: part.shape(n, room), data }] as const;
      });
      return {
        length: { dtype: "i64", shape: [n], data: length },
        seen: { dtype: "bool", shape: [n, room], data: marks.subarray(first * room, (first + n) * room) },
        ...Object.fromEntries(pasts),
      };
    },
    append(results, row, seat, t, seen) {
      const length = lengths[seat];
      for (const part of parts) {
        const made = results[`present.${part.name}`].data as Part["data"];
        copyRows(part, ofRow(part, made, row, t), t, ofRow(part, part.data, seat, room), room, length, t);
      }
      marks.set(seen, seat * room + length);
      lengths[seat] = length + t;
    },
    cut(seat, length) {
      lengths[seat] = Math.min(lengths[seat], length);
    },
  };
}

function partOf(name: string, { shape, dtype }: Tensor): Part {
  if (dtype !== "f32" && dtype !== "u8") throw new Error(`present.${name} is ${dtype}; f32 or u8 was expected`);
  const [, ...own] = shape;
  const axis = own.findIndex((dim) => typeof dim !== "number");
  const product = (dims: readonly unknown[]): number =>
    dims.reduce<number>((n, dim) => n * fixed(dim as number, "the cache"), 1);
  return {
    name,
    outer: product(own.slice(0, axis)),
    inner: product(own.slice(axis + 1)),
    shape: (seats, tokens) => [seats, ...own.map((dim, i) => (i === axis ? tokens : (dim as number)))],
    dtype,
    data: empty(dtype, 0),
  };
}

/** The part of `data` that is n rows' from row `first` on, each with room for so many tokens. */
function ofRow({ outer, inner }: Part, data: Part["data"], first: number, room: number, n = 1): Part["data"] {
  const size = outer * room * inner;
  return data.subarray(first * size, (first + n) * size);
}

const empty = (dtype: Part["dtype"], n: number): Part["data"] =>
  dtype === "f32" ? new Float32Array(n) : new Uint8Array(n);

/** The numbers, in an array with at least so many places. */
function atLeast<T extends Float32Array | Uint8Array>(data: T, n: number): T {
  if (data.length >= n) return data;
  const longer = new (data.constructor as new (n: number) => T)(n);
  longer.set(data);
  return longer;
}

/** Moves every seat's tokens, where they lie, from rows of `room` tokens to rows of `next`. */
function relay(
  { outer, inner }: Pick<Part, "outer" | "inner">,
  data: Part["data"],
  lengths: readonly number[],
  room: number,
  next: number,
): void {
  const rows = lengths.length * outer;
  for (let i = 0; i < rows; i++) {
    // Wider rows from the last on, narrower ones from the first: none is written over before it has moved.
    const row = next > room ? rows - 1 - i : i;
    const start = row * room * inner;
    data.copyWithin(row * next * inner, start, start + lengths[Math.floor(row / outer)] * inner);
  }
}

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
