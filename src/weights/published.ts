/** Weights as their authors publish them: one file or many, safetensors or torch.save's, with or without an index. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FormatError, RequestError, WeightError } from "../errors.ts";
import { total } from "../graph/value.ts";
import { type Dtype, dtypeBytes } from "./header.ts";
import { openSafetensors } from "./safetensors.ts";
import type { TensorFile } from "./tensor-file.ts";
import { openTorch } from "./torch.ts";
import { decodeValues, type Values } from "./values.ts";

/** A tensor, whose numbers are read piece by piece. */
export interface Part {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** F16 and BF16 widened, at most a few million numbers at a time. */
  pieces(): Iterable<Values>;
}

/** The tensors of a folder. */
export interface Published {
  /** Named in messages: the folder. */
  readonly name: string;
  readonly entries: ReadonlyMap<string, Part>;
  /** The numbers of one tensor. */
  pieces(key: string): Iterable<Values>;
  close(): void;
}

/** Tensors as a folder's, called `name`. */
export function publishedOf(name: string, entries: ReadonlyMap<string, Part>, close: () => void): Published {
  return { name, entries, pieces: (key) => entries.get(key)!.pieces(), close };
}

/** Bytes that are held of a tensor at a time: whole numbers of every type. */
const pieceBytes = 2 ** 24;

/** Opens all weights of a folder; where there are safetensors, torch files beside them hold the same. Throws RequestError (404) where there are none,
 *  FormatError for a damaged file or one that the index names and is missing, WeightError on a key that two files hold. */
export async function openPublished(folder: string): Promise<Published> {
  const names = weightFiles(folder);
  const opened: TensorFile[] = [];
  const closeAll = (): void => {
    for (const file of opened) file.close();
  };
  const entries = new Map<string, Part>();
  try {
    for (const name of names) {
      const file = await openTensors(join(folder, name));
      opened.push(file);
      for (const key of file.entries.keys()) {
        if (entries.has(key))
          throw new WeightError(`"${key}" is in two files of ${folder}: ${name} and another; keep one`);
        entries.set(key, partOf(file, key));
      }
    }
  } catch (error) {
    closeAll();
    throw error;
  }
  return publishedOf(folder, entries, closeAll);
}

/** Opens a file of weights of either kind, by its name's end. Throws as `openSafetensors` and `openTorch`. */
export async function openTensors(path: string): Promise<TensorFile> {
  return path.endsWith(".safetensors") ? openSafetensors(path) : openTorch(path);
}

/** A tensor of a file as it is stored. */
export function partOf(file: TensorFile, key: string): Part {
  const { dtype, shape } = file.entries.get(key)!;
  const length = dtypeBytes[dtype] * total(shape);
  return {
    dtype,
    shape,
    *pieces() {
      for (let start = 0; start < length; start += pieceBytes)
        yield decodeValues(dtype, file.bytes(key, start, pieceBytes));
    },
  };
}

const index = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The names of the files with weights. */
function weightFiles(folder: string): string[] {
  if (!existsSync(folder)) throw new RequestError(`${folder}: no such folder`, 404);
  const names = readdirSync(folder).sort();
  const kinds = [/\.safetensors$/, /\.(bin|pth|pt)$/].map((kind) => names.filter((name) => kind.test(name)));
  const found = kinds.find((list) => list.length) ?? [];
  if (!found.length)
    throw new RequestError(`${folder} holds no weights: no .safetensors, .bin, .pth or .pt file was found there`, 404);
  checkShards(folder, found);
  return found;
}

/** Throws FormatError where an index of these files, which lie in a folder, lists one that does not. */
export function checkShards(folder: string, files: readonly string[]): void {
  const names = readdirSync(folder);
  for (const name of names.filter((name) => name.endsWith(".index.json"))) {
    const ofKind = files.some((file) => file.endsWith(name.includes("safetensors") ? ".safetensors" : ".bin"));
    const missing = ofKind ? listed(join(folder, name)).filter((file) => !names.includes(file)) : [];
    if (missing.length)
      throw new FormatError(`${folder}: ${name} lists ${missing.join(", ")}, which is not there; download it too`);
  }
}

function listed(path: string): string[] {
  try {
    return [...new Set(Object.values(index.parse(JSON.parse(readFileSync(path, "utf8"))).weight_map))];
  } catch (cause) {
    throw new FormatError(`${path}: is no index of weights; expected { "weight_map": { key: file } }`, { cause });
  }
}
