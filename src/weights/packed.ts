/** Weights in few bits: the tensors that stand in a file for one of the model's, and how a matrix becomes them. */
import { hadamardBlock } from "../graph/ops-composite.ts";
import { block } from "../graph/ops-product.ts";

/** The forms a matrix K of [n, m] is stored in. Which one fits depends on its use: products read columns8 or blocks4, a table of vectors rows8; a table that
 *  is also a factor has two.
 *  - `columns8`: K.columns8, i8 [m, n], the transpose, as products want it; times K.columnScales, f32 [n]; its rows, and those they multiply, turned
 *    by Hadamard matrices (`hadamard` of graph/ops-composite.ts), which changes no product.
 *  - `rows8`: K.rows8, i8 [n, m]; times K.scales, f32 [n].
 *  - `blocks4`: K.blocks4, u8 [n, m/32, 16], two numbers a byte, the earlier one low, less 8; times K.blockScales, f32 [n, m/32]. */
export type Form = "columns8" | "rows8" | "blocks4";

const scalesOf: Readonly<Record<Form, string>> = {
  columns8: "columnScales",
  rows8: "scales",
  blocks4: "blockScales",
};

/** Names of the companions of a key: its numbers in that form, and their scales. */
export const companions = (key: string, form: Form): [numbers: string, scales: string] => [
  `${key}.${form}`,
  `${key}.${scalesOf[form]}`,
];

/** The key that a companion belongs to and its form; undefined for scales, which come with their numbers, and for other keys. */
export function packedKey(name: string): { key: string; form: Form } | undefined {
  const [, key, form] = /^(.+)\.(columns8|rows8|blocks4)$/.exec(name) ?? [];
  return key === undefined ? undefined : { key, form: form as Form };
}

/** The shape [n, m] of a matrix by that of its numbers. */
export function matrixShape(form: Form, shape: readonly number[]): number[] {
  const [a, b] = shape;
  return form === "columns8" ? [b, a] : form === "rows8" ? [a, b] : [a, b * block];
}

/** The shapes of both companions of a matrix [n, m]. */
export function companionShapes(form: Form, [n, m]: readonly number[]): [numbers: number[], scales: number[]] {
  if (form === "blocks4")
    return [
      [n, m / block, block / 2],
      [n, m / block],
    ];
  return [form === "columns8" ? [m, n] : [n, m], [n]];
}

/** A matrix whose rows come one piece after the other, rounded row by row. */
export interface Packed {
  readonly numbers: Int8Array | Uint8Array;
  readonly scales: Float32Array;
}

/** The numbers of a matrix, row-major, as they come. */
type Pieces = Iterable<Float32Array> | AsyncIterable<Float32Array>;

/** Rounds a matrix [n, m] to 8 bits, symmetric, by the largest magnitude of each row; for `columns8` turned before. */
export async function pack8(pieces: Pieces, [n, m]: readonly number[], form: "columns8" | "rows8"): Promise<Packed> {
  const numbers = new Int8Array(n * m);
  const scales = new Float32Array(n);
  for await (const { from, count, data } of rowGroups(pieces, m)) {
    if (form === "columns8") turn(data, m);
    const inverse = new Float32Array(count);
    for (let r = 0; r < count; r++) {
      const scale = largest(data, r * m, m) / 127;
      scales[from + r] = scale;
      inverse[r] = scale ? 1 / scale : 0;
    }
    // The inner loop writes neighbours, whichever way the result lies.
    if (form === "rows8")
      for (let r = 0; r < count; r++)
        for (let i = 0; i < m; i++) numbers[(from + r) * m + i] = nearest(data[r * m + i] * inverse[r]);
    else
      for (let i = 0; i < m; i++)
        for (let r = 0; r < count; r++) numbers[i * n + from + r] = nearest(data[r * m + i] * inverse[r]);
  }
  return { numbers, scales };
}

/** Rounds a matrix [n, m] to 4 bits in blocks of 32 along its rows: the number of largest magnitude becomes −8, the end that reaches further. */
export async function pack4(pieces: Pieces, [n, m]: readonly number[]): Promise<Packed> {
  const numbers = new Uint8Array((n * m) / 2);
  const scales = new Float32Array((n * m) / block);
  for await (const { from, count, data } of rowGroups(pieces, m))
    for (let b = 0; b < (count * m) / block; b++) {
      const at = (from * m) / block + b;
      const scale = furthest(data, b * block) / -8;
      scales[at] = scale;
      const nibble = (i: number): number =>
        scale ? Math.min(15, Math.max(0, nearest(data[b * block + i] / scale) + 8)) : 8;
      for (let i = 0; i < block; i += 2) numbers[(at * block + i) / 2] = nibble(i) | (nibble(i + 1) << 4);
    }
  return { numbers, scales };
}

/** Rows of length m times the matrices of `hadamard`, in place: sums and differences of pairs at distances 1, 2, 4, … */
export function turn(data: Float32Array, m: number): void {
  const size = hadamardBlock(m);
  const factor = 1 / Math.sqrt(size);
  for (let distance = 1; distance < size; distance *= 2)
    for (let i = 0; i < data.length; i += 2 * distance)
      for (let j = i; j < i + distance; j++) {
        const a = data[j];
        const b = data[j + distance];
        data[j] = a + b;
        data[j + distance] = a - b;
      }
  for (let i = 0; i < data.length; i++) data[i] *= factor;
}

/** The nearest whole number, ties to even, of magnitudes below 2^22: float32 has no fraction left at 1.5 · 2^23. Several times as fast as Math.round. */
const nearest = (x: number): number => Math.fround(x + 12_582_912) - 12_582_912;

/** Rows that are rounded together: enough for runs of neighbours in the transpose, few enough to stay in the cache. */
const group = 64;

/** The rows of a matrix in groups, whatever the pieces they come in. */
async function* rowGroups(
  pieces: Pieces,
  m: number,
): AsyncGenerator<{ from: number; count: number; data: Float32Array }> {
  let data = new Float32Array(group * m);
  let [filled, from] = [0, 0];
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; ) {
      const some = piece.subarray(at, at + data.length - filled);
      data.set(some, filled);
      filled += some.length;
      at += some.length;
      if (filled < data.length) continue;
      yield { from, count: group, data };
      from += group;
      filled = 0;
      data = new Float32Array(group * m);
    }
  if (filled) yield { from, count: filled / m, data };
}

function largest(data: Float32Array, from: number, n: number): number {
  let most = 0;
  for (let i = from; i < from + n; i++) most = Math.max(most, Math.abs(data[i]));
  return most;
}

/** The number of largest magnitude in a block, with its sign. */
function furthest(data: Float32Array, from: number): number {
  let far = 0;
  for (let i = from; i < from + block; i++) if (Math.abs(data[i]) > Math.abs(far)) far = data[i];
  return far;
}
