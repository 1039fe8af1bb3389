/** What open files of weights have in common, whatever their format. */
import { closeSync } from "node:fs";
import { basename } from "node:path";
import { WeightError } from "../errors.ts";
import type { Dtype } from "./header.ts";
import { decodeValues, type Values } from "./values.ts";

/** An open file: its entries by key, and their numbers, row by row, on request. */
export interface TensorFile<E extends { readonly dtype: Dtype } = { dtype: Dtype; shape: readonly number[] }> {
  readonly path: string;
  readonly entries: ReadonlyMap<string, E>;
  /** The stored bytes of one tensor, from byte `start` on at most `length` of them. Throws WeightError when there is no such key. */
  bytes(key: string, start?: number, length?: number): Uint8Array;
  /** The numbers of one tensor, F16 and BF16 widened to Float32Array. Throws WeightError when there is no such key. */
  read(key: string): Values;
  close(): void;
}

/** An open file over a descriptor. `bytesOf` reads from a byte of an entry on, at most so many. */
export function tensorFile<E extends { readonly dtype: Dtype }>(
  path: string,
  file: number,
  entries: ReadonlyMap<string, E>,
  bytesOf: (entry: E, start: number, length: number) => Uint8Array,
): TensorFile<E> {
  const bytes = (key: string, start = 0, length = Number.POSITIVE_INFINITY): Uint8Array => {
    const entry = entries.get(key);
    if (!entry) throw new WeightError(`no weight "${key}" in ${basename(path)}, which holds ${entries.size} tensors`);
    return bytesOf(entry, start, length);
  };
  return {
    path,
    entries,
    bytes,
    read: (key) => decodeValues(entries.get(key)?.dtype ?? "U8", bytes(key)),
    close: () => closeSync(file),
  };
}
