/** Where weights come from: a folder of safetensors files, or nothing yet. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { RequestError, WeightError } from "../errors.ts";
import type { DType } from "../graph/tensor.ts";
import type { Dtype } from "./header.ts";
import type { Initial, Source } from "./path.ts";
import { openSafetensors, type SafetensorsFile } from "./safetensors.ts";

const dtypes: Partial<Record<Dtype, DType>> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  I64: "i64",
  I32: "i32",
  U8: "u8",
  I8: "i8",
};

/** The weights of a folder: the keys of all its *.safetensors files. */
export interface Checkpoint extends Source {
  /** The file that holds a key, open for reading. */
  file(key: string): SafetensorsFile;
  close(): void;
}

/** Opens every *.safetensors file of a folder, or those named. Bytes stay on disk: the engine maps them.
 *  Throws RequestError where there is none, WeightError on a key that two files hold. */
export function openCheckpoint(folder: string, names?: readonly string[]): Checkpoint {
  const files = new Map<string, SafetensorsFile>();
  const list = names ?? weightFiles(folder);
  if (!list.length) throw new RequestError(`${folder} holds no model: no *.safetensors file was found there`, 404);
  for (const name of list) {
    const file = openSafetensors(join(folder, name));
    for (const key of file.entries.keys()) {
      if (files.has(key)) throw new WeightError(`"${key}" is in two files of ${folder}: ${name} and another; keep one`);
      files.set(key, file);
    }
  }
  const fileOf = (key: string): SafetensorsFile => {
    const file = files.get(key);
    if (!file) throw new WeightError(`no weight "${key}" in ${folder}`);
    return file;
  };
  return {
    name: folder,
    keys: () => files.keys(),
    file: fileOf,
    find: (key) => {
      const entry = files.get(key)?.entries.get(key);
      if (!entry) return undefined;
      const dtype = dtypes[entry.dtype];
      if (!dtype)
        throw new WeightError(
          `"${key}" is stored as ${entry.dtype}, which no model here computes with; F32, F16 or BF16 was expected`,
        );
      const name = list.find((n) => join(folder, n) === files.get(key)!.path)!;
      return { shape: entry.shape, at: { file: name, offset: entry.offset, length: entry.length, dtype } };
    },
    close: () => {
      for (const file of new Set(files.values())) file.close();
    },
  };
}

function weightFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".safetensors"))
      .sort();
  } catch {
    throw new RequestError(`${folder}: no such folder`, 404);
  }
}

/** A source that accepts every key and remembers what was asked: which weights does a model need, and how do they begin? */
export function openEnded(): Source & { wanted: Map<string, { shape: readonly number[]; initial: Initial }> } {
  const wanted = new Map<string, { shape: readonly number[]; initial: Initial }>();
  return {
    name: "a new model",
    wanted,
    keys: () => wanted.keys(),
    find: (key, shape, initial) => {
      wanted.set(key, { shape, initial });
      return { shape };
    },
  };
}
