/** Full-size weights under published names without a download: what loading, converting, memory and speed can be measured with. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import { Random } from "../data/random.ts";
import { total } from "../graph/value.ts";
import { byteTokenizer } from "../text/bytes.ts";
import { f32ToBf16, f32ToF16 } from "../weights/half.ts";
import type { Initial } from "../weights/path.ts";
import { type StreamedTensor, streamSafetensors } from "../weights/safetensors.ts";
import { writeWhole } from "../weights/whole.ts";
import { checked, modelOf, readJson } from "./models.ts";
import { outlineOf } from "./outline.ts";

export interface FabricateOptions {
  readonly seed: number;
  /** Most bytes of one file. Default: 5 GB, as published models are cut. */
  readonly shardBytes?: number;
  readonly signal?: AbortSignal | undefined;
  /** Numbers written so far, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What was written. */
export interface Fabricated {
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

const dtypes = { bfloat16: "BF16", float16: "F16" } as const;
const stored = z.object({ torch_dtype: z.enum(["bfloat16", "float16"]) });

/** Writes a model folder after a published config.json: weights under its names, at its sizes, of its `torch_dtype`, the same bytes for the same seed.
 *  The tokenizer knows bytes; the rest of its ids are words without a meaning. Throws FormatError for a bad configuration, RequestError for a full disk. */
export async function fabricate(config: string, out: string, options: FabricateOptions): Promise<Fabricated> {
  const { seed, shardBytes = 5e9, signal, onProgress } = options;
  const json = readJson(config);
  const model = modelOf(json, config);
  const dtype = dtypes[checked(stored, json, config).torch_dtype];
  const wanted = [...outlineOf(model).wanted].sort(([a], [b]) => (a < b ? -1 : 1));
  const parameters = wanted.reduce((sum, [, { shape }]) => sum + total(shape), 0);
  let done = 0;
  const tensor = ([key, { shape, initial }]: (typeof wanted)[number]): readonly [string, StreamedTensor] => [
    key,
    {
      dtype,
      shape,
      async *pieces() {
        for (const piece of numbers(new Random(key, seed), total(shape), initial, dtype)) {
          yield piece;
          await setImmediate();
          signal?.throwIfAborted();
          onProgress?.((done += piece.length), parameters);
        }
      },
    },
  ];
  mkdirSync(out, { recursive: true });
  const shards = cut(wanted, ([, { shape }]) => 2 * total(shape), shardBytes);
  const names = shards.map((_, i) => (shards.length === 1 ? "model.safetensors" : shardName(i, shards.length)));
  for (const [i, shard] of shards.entries()) await streamSafetensors(join(out, names[i]), shard.map(tensor));
  if (shards.length > 1) {
    const weight_map = Object.fromEntries(shards.flatMap((shard, i) => shard.map(([key]) => [key, names[i]])));
    writeJson(join(out, "model.safetensors.index.json"), { metadata: { total_size: 2 * parameters }, weight_map });
  }
  writeJson(join(out, "tokenizer.json"), byteTokenizer(model.vocabulary));
  writeJson(join(out, "config.json"), json);
  return { tensors: wanted.length, parameters, bytes: 2 * parameters };
}

const writeJson = (path: string, json: unknown): void => writeWhole(path, `${JSON.stringify(json)}\n`);
const shardName = (i: number, n: number): string =>
  `model-${[i + 1, n].map((v) => String(v).padStart(5, "0")).join("-of-")}.safetensors`;

/** Neighbours together as long as they fit into a file. */
function cut<T>(list: readonly T[], bytes: (item: T) => number, most: number): T[][] {
  const shards: T[][] = [];
  let room = 0;
  for (const item of list) {
    if (bytes(item) > room) shards.push([]);
    room = (bytes(item) > room ? most : room) - bytes(item);
    shards.at(-1)!.push(item);
  }
  return shards;
}

/** Numbers that are made at a time. */
const piece = 2 ** 22;

/** Every so manieth channel of a norm, and how much it gains: the outliers of trained models (Dettmers 2022), which rounding to 8 bits must survive. */
const outlier = { every: 256, gain: 8 };

/** The stored bits of so many numbers: normal around what a weight begins with, from a table of 2^16 deviates. */
function* numbers(random: Random, n: number, initial: Initial, dtype: "BF16" | "F16"): Generator<Uint16Array> {
  const encode = dtype === "BF16" ? f32ToBf16 : f32ToF16;
  if ("values" in initial) return yield encode(initial.values());
  const [mean, deviation] = "value" in initial ? [initial.value, 0.02] : [0, initial.deviation];
  const table = encode(deviates.map((z) => mean + deviation * z));
  const loud = encode(deviates.map((z) => outlier.gain * (mean + deviation * z)));
  for (let from = 0; from < n; from += piece) {
    const bits = new Uint16Array(Math.min(piece, n - from));
    for (let i = 0; i < bits.length; i += 2) {
      const drawn = random.bits();
      bits[i] = table[drawn & 0xffff];
      bits[i + 1] = table[drawn >>> 16];
    }
    if (mean === 1)
      for (let i = random.int(0, outlier.every - 1); i < bits.length; i += outlier.every)
        bits[i] = loud[random.int(0, 0xffff)];
    yield bits;
  }
}

const source = new Random("deviates", 0);
const deviates: Float32Array = Float32Array.from({ length: 2 ** 16 }, () => source.normal());
