/** Index arithmetic of the slow evaluator: row-major values and how broadcasting reads them. */

/** Number of elements of a bound shape. */
export const total = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** Row-major strides. */
export function strides(shape: readonly number[]): number[] {
  const out = Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) out[i] = out[i + 1] * shape[i + 1];
  return out;
}

/** Offset into `shape` (stretched where it has size 1 or no axis) for each position of `out`, in order. */
export function offsets(shape: readonly number[], out: readonly number[]): Int32Array {
  const lead = out.length - shape.length;
  const own = strides(shape);
  const step = out.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : own[i - lead]));
  return walk(out, step);
}

/** Offsets for each position of `out` when axis i advances by step[i], from a start. */
export function walk(out: readonly number[], step: readonly number[], start = 0): Int32Array {
  const result = new Int32Array(total(out));
  const at = Array<number>(out.length).fill(0);
  let offset = start;
  for (let i = 0; i < result.length; i++) {
    result[i] = offset;
    for (let axis = out.length - 1; axis >= 0; axis--) {
      offset += step[axis];
      if (++at[axis] < out[axis]) break;
      offset -= step[axis] * out[axis];
      at[axis] = 0;
    }
  }
  return result;
}
