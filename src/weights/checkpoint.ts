/** Where weights come from: a folder of safetensors files, or nothing yet. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { RequestError, WeightError } from "../errors.ts";
import type { DType } from "../graph/tensor.ts";
import type { Dtype } from "./header.ts";
import { companions, companionTypes, type Form, matrixShape, packedKey } from "./packed.ts";
import type { Initial, PackedPlace, Source, Stored } from "./path.ts";
import { checkShards } from "./published.ts";
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
  /** The names in the files, where a packed key has several. */
  stored(): Iterable<string>;
}

/** Opens every *.safetensors file of a folder, or those named. Bytes stay on disk: the engine maps them.
 *  Throws RequestError where there is none, FormatError where an index lists one that is not there, WeightError on a key that two files hold. */
export function openCheckpoint(folder: string, names?: readonly string[]): Checkpoint {
  const files = new Map<string, SafetensorsFile>();
  const list = names ?? weightFiles(folder);
  if (!list.length)
    throw new RequestError(
      `${folder} holds no model: no *.safetensors file was found there; galago convert makes one of .bin and .pth files`,
      404,
    );
  if (!names) checkShards(folder, list);
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
  const stored = (key: string): Stored | undefined => {
    const entry = files.get(key)?.entries.get(key);
    if (!entry) return undefined;
    const dtype = dtypes[entry.dtype];
    if (!dtype)
      throw new WeightError(
        `"${key}" is stored as ${entry.dtype}, which no model here computes with; F32, F16 or BF16 was expected`,
      );
    const file = list.find((n) => join(folder, n) === files.get(key)!.path)!;
    return { key, shape: entry.shape, at: { file, offset: entry.offset, length: entry.length, dtype } };
  };
  const forms = packedForms(files.keys());
  const parts = new Set([...forms].flatMap(([key, own]) => own.flatMap((form) => companions(key, form))));
  return {
    name: folder,
    stored: () => files.keys(),
    keys: () => [...files.keys()].filter((name) => !parts.has(name)).concat([...forms.keys()]),
    file: fileOf,
    find: (key) => {
      const own = forms.get(key);
      if (!own) return stored(key);
      const packed = own.map((form) => packedPlace(key, form, stored, folder));
      return { shape: matrixShape(packed[0].form, packed[0].parts[0].shape), packed };
    },
    close: () => {
      for (const file of new Set(files.values())) file.close();
    },
  };
}

/** The forms that each packed key is stored in. */
function packedForms(names: Iterable<string>): Map<string, Form[]> {
  const forms = new Map<string, Form[]>();
  for (const name of names) {
    const packed = packedKey(name);
    if (packed) forms.set(packed.key, [...(forms.get(packed.key) ?? []), packed.form]);
  }
  return forms;
}

/** The parts of a packed key. Throws WeightError where they do not fit each other. */
function packedPlace(
  key: string,
  form: Form,
  stored: (key: string) => Stored | undefined,
  folder: string,
): PackedPlace {
  const names = companions(key, form);
  const found = names.map(stored);
  const shown = (dtype: DType, shape: readonly number[]): string => `${dtype} [${shape}]`;
  for (const [i, { dtype, shape }] of companionTypes(form, matrixShape(form, found[0]!.shape)).entries()) {
    const [is, expected] = [found[i] && shown(found[i].at.dtype, found[i].shape), shown(dtypes[dtype]!, shape)];
    if (is !== expected)
      throw new WeightError(
        `${folder}: "${key}" is stored as ${form}, but ${names[i].slice(key.length + 1)} is ${is ?? "missing"}, ${expected} was expected; convert the model again`,
      );
  }
  return { form, parts: found as Stored[] };
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
