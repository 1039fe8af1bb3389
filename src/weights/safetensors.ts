/** Safetensors files on disk: read a tensor at a time by its byte range, write whole files or nothing. */
import { closeSync, fstatSync, fsync, fsyncSync, openSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import { RequestError, WeightError } from "../errors.ts";
import { maxTransfer, openToRead, readRange } from "./bytes.ts";
import { type Dtype, dtypeBytes, type Entry, formatHeader, headerLength, parseHeader } from "./header.ts";
import { type TensorFile, tensorFile } from "./tensor-file.ts";
import { encodeValues, type Values } from "./values.ts";
import { whole, wholeLater } from "./whole.ts";

/** An open safetensors file. */
export interface SafetensorsFile extends TensorFile<Entry> {
  readonly metadata: Readonly<Record<string, string>>;
}

/** Opens a safetensors file and checks its header; tensor bytes are read when asked for. Throws RequestError (404) when
 *  there is no such file, FormatError when it is none or damaged. */
export function openSafetensors(path: string): SafetensorsFile {
  const file = openToRead(path);
  try {
    const { size } = fstatSync(file);
    const length = headerLength(readRange(file, 0, Math.min(8, size), path), size, path);
    const { entries, metadata } = parseHeader(readRange(file, 0, 8 + length, path), size, path);
    const range = ({ offset, length: all }: Entry, start: number, length: number): Uint8Array =>
      readRange(file, offset + start, Math.min(length, all - start), path);
    return { ...tensorFile(path, file, entries, range), metadata };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** A tensor to store. */
export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Values;
}

/** A tensor whose numbers come piece by piece when its turn has come, so that a file may exceed memory, and others may work in between. */
export interface StreamedTensor extends Omit<StoredTensor, "data"> {
  pieces(): Iterable<Values> | AsyncIterable<Values>;
}

/** Writes tensors in the given order, the same bytes for the same input; a Float32Array may be stored as F16 or BF16.
 *  Writes beside `path`, flushes, renames: on failure nothing is left. Throws WeightError for data that does not fit its
 *  dtype and shape or a repeated key, RequestError (507 for a full disk) when the file cannot be written. */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [key: string, tensor: StoredTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const list = [...tensors];
  checkKeys(list);
  try {
    whole(path, (beside) => {
      const file = openSync(beside, "wx");
      try {
        writeAll(file, formatHeader(list, metadata));
        for (const [key, { data, ...form }] of list) {
          const room = counted(key, form);
          writeAll(file, room.bytes(data));
          room.close();
        }
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** The same for tensors whose numbers are made one piece after the other. */
export async function streamSafetensors(
  path: string,
  tensors: Iterable<readonly [key: string, tensor: StreamedTensor]>,
): Promise<void> {
  const list = [...tensors];
  checkKeys(list);
  try {
    await wholeLater(path, async (beside) => {
      const file = openSync(beside, "wx");
      try {
        writeAll(file, formatHeader(list));
        for (const [key, tensor] of list) {
          const room = counted(key, tensor);
          for await (const values of tensor.pieces()) writeAll(file, room.bytes(values));
          room.close();
        }
        await promisify(fsync)(file);
      } finally {
        closeSync(file);
      }
    });
  } catch (error) {
    throw writeFailure(path, error);
  }
}

function checkKeys(tensors: readonly (readonly [string, unknown])[]): void {
  const seen = new Set(["__metadata__"]);
  for (const [key] of tensors) {
    if (seen.has(key)) throw new WeightError(`"${key}" cannot be stored: the name is taken; expected every key once`);
    seen.add(key);
  }
}

/** The room that a tensor takes: the bytes of its pieces, and a check at its end. Both throw WeightError unless they are as many as its shape takes. */
function counted(key: string, { dtype, shape }: Omit<StoredTensor, "data">) {
  const size = dtypeBytes[dtype];
  const expected = shape.reduce((product, n) => product * n, 1);
  const found = (length: number): WeightError =>
    new WeightError(`"${key}" has ${length / size} numbers; shape [${shape.join(", ")}] takes ${expected}`);
  let written = 0;
  return {
    bytes(values: Values): Uint8Array {
      const bytes = encodeValues(dtype, values, key);
      written += bytes.length;
      if (written > expected * size) throw found(written);
      return bytes;
    },
    close(): void {
      if (written < expected * size) throw found(written);
    },
  };
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(file, bytes, done, Math.min(bytes.length - done, maxTransfer));
}

function writeFailure(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  // The number of a DOMException, such as AbortError, is no code of the system.
  if (typeof code !== "string") return error;
  const full = code === "ENOSPC" || code === "EDQUOT";
  const large = code === "EFBIG" && "a file may not be so large on this disk; write to another";
  const why = full ? "the disk is full; free space and run again" : large || (error as Error).message;
  const failure = new RequestError(`${path}: not written: ${why}`, full ? 507 : 400);
  failure.cause = error;
  return failure;
}
