/** Tensors made of others while they are read: rows in another order, adapters added, one number everywhere. */

import { WeightError } from "../errors.ts";
import { sameShape, show } from "../graph/shape.ts";
import { total } from "../graph/value.ts";
import { dtypeBytes } from "./header.ts";
import type { Part } from "./published.ts";
import type { TensorFile } from "./tensor-file.ts";
import { decodeValues, type Values } from "./values.ts";

/** Some rows of a stored tensor, from `first` on. */
export interface Rows {
  readonly file: TensorFile;
  readonly key: string;
  readonly first: number;
}

/** Queries, keys and values, each [h · e, …], as [h · 3 · e, …]: a head's rows of one after its rows of the other. `count` = h · e.
 *  Throws WeightError where they have no such rows. */
export function interleaved(sources: readonly Rows[], count: number, heads: number): Part {
  const entries = sources.map(({ file, key }) => file.entries.get(key)!);
  const [, ...rest] = entries[0].shape;
  entries.forEach(({ shape }, i) => {
    const { key, first } = sources[i];
    if (!sameShape(shape.slice(1), rest) || !(shape[0] >= first + count) || count % heads)
      throw new WeightError(
        `"${key}" is ${show(shape)}; expected ${count} rows for ${heads} heads from row ${first} on`,
      );
  });
  const width = total(rest);
  const e = count / heads;
  return {
    dtype: entries[0].dtype,
    shape: [sources.length * count, ...rest],
    *pieces() {
      for (let head = 0; head < heads; head++)
        for (const [i, { file, key, first }] of sources.entries()) {
          const { dtype } = entries[i];
          const bytes = width * dtypeBytes[dtype];
          yield decodeValues(dtype, file.bytes(key, (first + head * e) * bytes, e * bytes));
        }
    },
  };
}

/** W + scale · B A (Hu 2021), in float32. base: [n, d], a: [r, d], b: [n, r]; `key` is the base's in messages. Throws WeightError for other shapes. */
export function adapted(base: Part, a: Part, b: Part, scale: number, key: string): Part {
  const [[n, d], [r]] = [base.shape, a.shape];
  if (base.shape.length !== 2 || !sameShape(a.shape, [r, d]) || !sameShape(b.shape, [n, r]))
    throw new WeightError(
      `"${key}" is ${show(base.shape)}, its adapters ${show(a.shape)} and ${show(b.shape)}; expected [n, d], [r, d] and [n, r]`,
    );
  return {
    dtype: "F32",
    shape: base.shape,
    *pieces() {
      const [down, up] = [a, b].map(numbers);
      const change = new Float64Array(d);
      let at = 0;
      for (const values of base.pieces()) {
        const sums = copied(values);
        for (let i = 0; i < sums.length; ) {
          const column = at % d;
          if (column === 0) rowOf(up, down, at / d, scale, change);
          const n = Math.min(d - column, sums.length - i);
          for (let j = 0; j < n; j++) sums[i + j] += change[column + j];
          [i, at] = [i + n, at + n];
        }
        yield sums;
      }
    },
  };
}

/** A row of scale · B A. */
function rowOf(up: Float32Array, down: Float32Array, row: number, scale: number, into: Float64Array): void {
  const d = into.length;
  const r = down.length / d;
  into.fill(0);
  for (let k = 0; k < r; k++) {
    const factor = scale * up[row * r + k];
    for (let column = 0, from = k * d; column < d; column++, from++) into[column] += factor * down[from];
  }
}

/** All numbers of a tensor. */
function numbers(part: Part): Float32Array {
  const all = new Float32Array(total(part.shape));
  let at = 0;
  for (const values of part.pieces()) {
    all.set(copied(values), at);
    at += values.length;
  }
  return all;
}

/** The same numbers in float32. Half of a model passes here: what is float32 is copied without a look at each number. */
const copied = (values: Values): Float32Array =>
  values instanceof Float32Array ? new Float32Array(values) : Float32Array.from(values, Number);

/** Rows and columns of a matrix, or the numbers of a vector as its rows, times a factor each, in float32; all of them times 1 where there is none. */
export function scaled(part: Part, rows: Float64Array | undefined, columns: Float64Array | undefined): Part {
  const width = total(part.shape.slice(1));
  return {
    dtype: "F32",
    shape: part.shape,
    *pieces() {
      let at = 0;
      for (const values of part.pieces()) {
        const products = copied(values);
        for (let i = 0; i < products.length; i++, at++)
          products[i] *= (rows ? rows[Math.floor(at / width)] : 1) * (columns ? columns[at % width] : 1);
        yield products;
      }
    },
  };
}

/** One number everywhere. */
export function filled(value: number, shape: readonly number[]): Part {
  return {
    dtype: "F32",
    shape,
    *pieces() {
      yield new Float32Array(total(shape)).fill(value);
    },
  };
}
