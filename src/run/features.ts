/** Visual tokens of images that were seen before, by what the images hold: in memory, and in a folder for later processes. Both are bounded; what was not
 *  wanted for longest goes first. */
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { RequestError } from "../errors.ts";
import { onnxModel } from "../graph/onnx.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { openSafetensors, writeSafetensors } from "../weights/safetensors.ts";
import { leftovers } from "../weights/whole.ts";
import type { Graphs } from "./graphs.ts";
import { sha256 } from "./sha256.ts";

/** How much is remembered of images between answers. */
export interface CacheOptions {
  /** Bytes of memory for the visual tokens of images; 0 keeps none. Default: those of 64 tiles. */
  readonly memoryBytes?: number | undefined;
  /** A folder that keeps them for later processes. Default: none. */
  readonly folder?: string | undefined;
  /** Bytes that the files in the folder may take. Default: 1 GB. */
  readonly folderBytes?: number | undefined;
}

/** What a model saw of an image: features [tokens, d], and which of its tiles were left out as blank, 1 or 0 each. */
interface Sighting {
  readonly features: Float32Array;
  readonly blank: Uint8Array;
}

/** What is remembered, by an id of the image and its tiles. */
export interface Features {
  /** Bytes of memory that are taken. */
  readonly bytes: number;
  get(id: string): Sighting | undefined;
  /** Throws RequestError where the folder cannot be written. */
  put(id: string, seen: Sighting): void;
}

/** Some pages of a dozen tiles. */
const tilesKept = 64;

/** The memory of a model whose weights lie in `model`. Throws RequestError for bounds that are none. */
export function featureCache(options: CacheOptions, graphs: Graphs, whole: Multimodal, model: string): Features {
  const { memoryBytes = tilesKept * whole.tokensPerTile * whole.width * 4, folder, folderBytes = 1e9 } = options;
  for (const [name, bytes] of Object.entries({ memoryBytes, folderBytes }))
    if (!(bytes >= 0)) throw new RequestError(`cache: ${name} is ${bytes}; expected a number of bytes from 0`);
  const kept = inMemory(memoryBytes);
  if (folder === undefined) return kept;
  const files = inFolder(folder, folderBytes, towerOf(graphs, whole, model));
  return {
    get bytes() {
      return kept.bytes;
    },
    get(id) {
      const known = kept.get(id);
      if (known) return known;
      const found = files.get(id);
      if (found) kept.put(id, found);
      return found;
    },
    put(id, seen) {
      kept.put(id, seen);
      files.put(id, seen);
    },
  };
}

function inMemory(most: number): Features {
  // A map keeps the order in which its keys were set: the one unused for longest is its first.
  const all = new Map<string, Sighting>();
  let bytes = 0;
  const remove = (id: string): void => {
    const seen = all.get(id);
    if (seen) bytes -= bytesOf(seen);
    all.delete(id);
  };
  const put = (id: string, seen: Sighting): void => {
    remove(id);
    if (bytesOf(seen) > most) return;
    for (const oldest of all.keys()) {
      if (bytes + bytesOf(seen) <= most) break;
      remove(oldest);
    }
    all.set(id, seen);
    bytes += bytesOf(seen);
  };
  return {
    get bytes() {
      return bytes;
    },
    get(id) {
      const found = all.get(id);
      if (found) put(id, found);
      return found;
    },
    put,
  };
}

const bytesOf = ({ features }: Sighting): number => features.byteLength;

/** What visual tokens depend on besides the image: the tower as it is computed, and the files of its weights. */
function towerOf({ eyes }: Graphs, { normal }: Multimodal, model: string): string {
  const files = readdirSync(model).filter((name) => name.endsWith(".safetensors"));
  const weights = files.map((name) => {
    const { size, mtimeMs } = statSync(join(model, name));
    return [name, size, mtimeMs];
  });
  return sha256(onnxModel(eyes), JSON.stringify([weights, normal]));
}

/** Files that end so hold the features of one image; their time is that of their last use. */
const ending = /^[0-9a-f]{64}\.safetensors$/;

function inFolder(folder: string, most: number, tower: string): Pick<Features, "get" | "put"> {
  const pathOf = (id: string): string => join(folder, `${sha256(tower, id)}.safetensors`);
  return {
    get(id) {
      const path = pathOf(id);
      const seen = read(path);
      // A damaged file is as good as none, and one that another process has just removed as well.
      if (seen) utimesSync(path, new Date(), new Date());
      else rmSync(path, { force: true });
      return seen;
    },
    put(id, seen) {
      if (bytesOf(seen) > most) return;
      const { features, blank } = seen;
      mkdirSync(folder, { recursive: true });
      const tensors = [
        ["features", { dtype: "F32", shape: [features.length], data: features }],
        ["blank", { dtype: "U8", shape: [blank.length], data: blank }],
      ] as const;
      writeSafetensors(pathOf(id), tensors, { sha256: sha256(features, blank) });
      trim(folder, most);
    },
  };
}

/** What a file holds; undefined where it is not there or not as it was written. */
function read(path: string): Sighting | undefined {
  try {
    const file = openSafetensors(path);
    try {
      const seen = { features: file.read("features") as Float32Array, blank: file.read("blank") as Uint8Array };
      return file.metadata.sha256 === sha256(seen.features, seen.blank) ? seen : undefined;
    } finally {
      file.close();
    }
  } catch {
    return undefined;
  }
}

/** Removes what was not used for longest, and what killed processes left half-written, until the files take no more bytes than `most`. */
function trim(folder: string, most: number): void {
  for (const path of leftovers(folder)) rmSync(path, { force: true });
  const files = readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const found = ending.test(name) ? statSync(path, { throwIfNoEntry: false }) : undefined;
    return found ? [{ path, size: found.size, usedMs: found.mtimeMs }] : [];
  });
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of files.sort((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= most) return;
    rmSync(path, { force: true });
    bytes -= size;
  }
}
