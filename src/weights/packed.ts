/** Weights in few bits: the tensors that stand in a file for one of the model's, and how a matrix becomes them. */
import { hadamardBlock } from "../graph/ops-composite.ts";
import { block } from "../graph/ops-product.ts";
import { fit, type Grid, nearest, nibble } from "./blocks.ts";

/** The forms a matrix K of [n, m] is stored in. Which one fits depends on its use: products read columns8 or blocks4, a table of vectors rows8; a table that
 *  is also a factor has two. Of columns8 and blocks4 the rows, and those they multiply, are turned by Hadamard matrices (`hadamard` of
 *  graph/ops-composite.ts), which changes no product.
 *  - `columns8`: K.columns8, i8 [m, n], the transpose, as products want it; times K.columnScales, f32 [n].
 *  - `rows8`: K.rows8, i8 [n, m]; times K.scales, f32 [n].
 *  - `blocks4`: K.blocks4, u8 [n, m/32, 16], two numbers a byte, the earlier one low; less K.blockZeros, u8 [n, ⌈m/64⌉], two a byte as well; times
 *    K.blockScales, f32 [n, m/32]. */
export type Form = "columns8" | "rows8" | "blocks4";

/** A tensor that stands for a part of a matrix [n, m]. */
interface Part {
  readonly name: string;
  readonly dtype: "I8" | "U8" | "F32";
  shape(n: number, m: number): number[];
}

/** The parts of each form, its numbers first. */
const parts: Readonly<Record<Form, readonly Part[]>> = {
  columns8: [
    { name: "columns8", dtype: "I8", shape: (n, m) => [m, n] },
    { name: "columnScales", dtype: "F32", shape: (n) => [n] },
  ],
  rows8: [
    { name: "rows8", dtype: "I8", shape: (n, m) => [n, m] },
    { name: "scales", dtype: "F32", shape: (n) => [n] },
  ],
  blocks4: [
    { name: "blocks4", dtype: "U8", shape: (n, m) => [n, m / block, block / 2] },
    { name: "blockScales", dtype: "F32", shape: (n, m) => [n, m / block] },
    { name: "blockZeros", dtype: "U8", shape: (n, m) => [n, Math.ceil(m / block / 2)] },
  ],
};

/** Names of the tensors that a key is stored in, in a form. */
export const companions = (key: string, form: Form): string[] => parts[form].map(({ name }) => `${key}.${name}`);

/** What those of a matrix [n, m] are, in the same order. */
export const companionTypes = (form: Form, [n, m]: readonly number[]): { dtype: Part["dtype"]; shape: number[] }[] =>
  parts[form].map(({ dtype, shape }) => ({ dtype, shape: shape(n, m) }));

/** The key that a companion belongs to and its form; undefined for all but the numbers, which the others come with. */
export function packedKey(name: string): { key: string; form: Form } | undefined {
  const [, key, form] = /^(.+)\.(columns8|rows8|blocks4)$/.exec(name) ?? [];
  return key === undefined ? undefined : { key, form: form as Form };
}

/** The shape [n, m] of a matrix by that of its numbers. */
export function matrixShape(form: Form, shape: readonly number[]): number[] {
  const [a, b] = shape;
  return form === "columns8" ? [b, a] : form === "rows8" ? [a, b] : [a, b * block];
}

/** A matrix in a form: the values of its companions, in their order. */
export type Packed = readonly (Int8Array | Uint8Array | Float32Array)[];

/** The numbers of a matrix, row-major, as they come. */
type Pieces = Iterable<Float32Array> | AsyncIterable<Float32Array>;

/** Rounds a matrix [n, m] to 8 bits, symmetric, by the largest magnitude of each row; for `columns8` turned before. */
export async function pack8(
  pieces: Pieces,
  [n, m]: readonly number[],
  form: "columns8" | "rows8",
): Promise<[numbers: Int8Array, scales: Float32Array]> {
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
  return [numbers, scales];
}

/** Turns a matrix [n, m] and rounds it to 4 bits in blocks of 32 along its rows, each by a scale and a zero of its own (blocks.ts). */
export async function pack4(
  pieces: Pieces,
  [n, m]: readonly number[],
): Promise<[numbers: Uint8Array, scales: Float32Array, zeros: Uint8Array]> {
  const numbers = new Uint8Array((n * m) / 2);
  const scales = new Float32Array((n * m) / block);
  const zerosARow = Math.ceil(m / block / 2);
  const zeros = new Uint8Array(n * zerosARow);
  const own: Grid = { scale: 0, zero: 0 };
  for await (const { from, count, data } of rowGroups(pieces, m)) {
    turn(data, m);
    for (let r = 0; r < count; r++)
      for (let b = 0; b < m / block; b++) {
        const at = r * m + b * block;
        fit(data, at, own);
        const to = from * m + at;
        scales[to / block] = own.scale;
        zeros[(from + r) * zerosARow + (b >> 1)] |= own.zero << (4 * (b & 1));
        for (let i = 0; i < block; i += 2)
          numbers[(to + i) / 2] =
            nibble(data[at + i], own.scale, own.zero) | (nibble(data[at + i + 1], own.scale, own.zero) << 4);
      }
  }
  return [numbers, scales, zeros];
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

/** Rows that are rounded together: enough for runs of neighbours in the transpose, few enough to stay in the cache. */
const usualGroup = 64;

/** The rows of a matrix in groups, whatever the pieces they come in. Each group's data is the last one's, overwritten. */
export async function* rowGroups(
  pieces: Pieces,
  m: number,
  group: number = usualGroup,
): AsyncGenerator<{ from: number; count: number; data: Float32Array }> {
  const data = new Float32Array(group * m);
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
    }
  if (filled) yield { from, count: filled / m, data };
}

function largest(data: Float32Array, from: number, n: number): number {
  let most = 0;
  for (let i = from; i < from + n; i++) most = Math.max(most, Math.abs(data[i]));
  return most;
}
