/** What a run is at a moment: parameters, moments and the place in the data. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../data/random.ts";
import { WeightError } from "../errors.ts";
import type { Values } from "../graph/engine.ts";
import { total } from "../graph/value.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { packedKey } from "../weights/packed.ts";
import type { Initial } from "../weights/path.ts";
import { openSafetensors, type SafetensorsFile, type StoredTensor, writeSafetensors } from "../weights/safetensors.ts";
import { writeWhole } from "../weights/whole.ts";
import { mean, momentum, variance } from "./step.ts";

/** The weights of a model: shape and first value by key. */
export type Wanted = ReadonlyMap<string, { shape: readonly number[]; initial: Initial }>;

/** Where in the data a run stands. */
interface Position {
  phase: number;
  /** Steps done in this phase, and in all phases so far. */
  step: number;
  total: number;
  /** Number of the next sample of this phase, and the samples taken before it that still wait for a batch. */
  sample: number;
  pending: number[];
}

/** AdamW's step count differs by parameter: a parameter that a phase leaves out does not age. */
export interface State {
  position: Position;
  values: Map<string, Values>;
  ages: Map<string, number>;
}

/** Parameters drawn from the seed and the key alone, so that the order of keys does not matter; moments zero. */
export function fresh(wanted: Wanted, seed: number): State {
  const values = new Map<string, Values>();
  const ages = new Map<string, number>();
  for (const [key, { shape, initial }] of wanted) {
    const data = new Float32Array(total(shape));
    const random = new Random(key, seed);
    if ("values" in initial) data.set(initial.values());
    else if ("value" in initial) data.fill(initial.value);
    else for (let i = 0; i < data.length; i++) data[i] = initial.deviation * random.normal();
    values.set(key, { dtype: "f32", shape, data });
    for (const name of [momentum(key), variance(key)])
      values.set(name, { dtype: "f32", shape, data: new Float32Array(data.length) });
    ages.set(key, 0);
  }
  return { position: { phase: 0, step: 0, total: 0, sample: 0, pending: [] }, values, ages };
}

/** Below a model, where nobody who runs it opens it: the weights that only its training used, for those who train it on. */
const headsFile = join("training", "heads.safetensors");

/** Lets a mean of the weights begin with those that the state holds, unless one is there; or drops it, where none is kept. */
export function keepMean({ values }: State, wanted: Wanted, kept: boolean): void {
  for (const key of wanted.keys()) {
    if (!kept) values.delete(mean(key));
    else if (!values.has(mean(key))) values.set(mean(key), copied(values.get(key)!));
  }
}

const copied = (value: Values): Values => ({ ...value, data: (value.data as Float32Array).slice() });

/** Tables of places: a model may come to know more of them, of which each has a row. */
const places = /^visual_position\.(column|row)$/;

/** The same run with the weights of a model folder as its start, its training heads too where it has them; keys that the folder lacks, and places that it does not
 *  know, keep their first values. */
export function startFrom(state: State, folder: string): void {
  const checkpoint = openCheckpoint(folder);
  const few = [...checkpoint.stored()].find(packedKey);
  if (few)
    throw new WeightError(
      `${folder} is stored in few bits (${few}), which cannot be trained on; convert it in f16 or f32`,
    );
  for (const key of checkpoint.keys()) take(state, key, checkpoint.file(key), folder);
  checkpoint.close();
  if (!existsSync(join(folder, headsFile))) return;
  const heads = openSafetensors(join(folder, headsFile));
  for (const key of heads.entries.keys()) take(state, key, heads, folder);
  heads.close();
}

function take(state: State, key: string, stored: SafetensorsFile, folder: string): void {
  const ours = state.values.get(key);
  const { shape } = stored.entries.get(key)!;
  const grown = places.test(key) && ours?.shape[1] === shape[1] && ours.shape[0] > shape[0];
  if (!grown && ours?.shape.join() !== shape.join())
    throw new WeightError(
      `${folder}: "${key}" is [${shape}], the model that is trained ${ours ? `has [${ours.shape}]` : "lacks it"}`,
    );
  const data = stored.read(key) as Float32Array;
  const bad = data.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0) throw new WeightError(`${folder}: "${key}" holds ${data[bad]} at ${bad}; take another checkpoint`);
  (ours!.data as Float32Array).set(data);
}

const file = (folder: string): string => join(folder, "state.safetensors");

export const hasState = (folder: string): boolean => existsSync(file(folder));

/** Writes the state as one safetensors file that appears whole or not at all. */
export function saveState(folder: string, { position, values, ages }: State): void {
  mkdirSync(folder, { recursive: true });
  const tensors = [...values].map(
    ([key, v]) => [key, { dtype: "F32", shape: v.shape, data: v.data as Float32Array }] as const,
  );
  const metadata = { position: JSON.stringify(position), ages: JSON.stringify(Object.fromEntries(ages)) };
  writeSafetensors(file(folder), tensors, metadata);
}

/** Reads a state back. Throws WeightError where it belongs to another model. */
export function loadState(folder: string, wanted: Wanted): State {
  const stored = openSafetensors(file(folder));
  const values = new Map<string, Values>();
  for (const [key, { shape }] of wanted)
    for (const name of [key, momentum(key), variance(key), mean(key)]) {
      const entry = stored.entries.get(name);
      if (!entry && name === mean(key)) continue;
      if (!entry || entry.shape.join() !== shape.join())
        throw new WeightError(
          `${file(folder)}: "${name}" is ${entry ? `[${entry.shape}]` : "missing"}, the model has [${shape}]; it is another model's run: choose another "out"`,
        );
      values.set(name, { dtype: "f32", shape, data: stored.read(name) as Float32Array });
    }
  const { position, ages } = stored.metadata;
  stored.close();
  return { position: JSON.parse(position), values, ages: new Map(Object.entries(JSON.parse(ages))) };
}

/** The model as others open it: config.json, tokenizer.json and weights, their mean where one is kept, stored as F16; what only training used lies in a file of its own. */
export function exportModel(
  folder: string,
  { values }: State,
  wanted: Wanted,
  config: object,
  tokenizer: object,
  trainingOnly: RegExp,
): void {
  mkdirSync(join(folder, "training"), { recursive: true });
  const keys = [...wanted.keys()].sort();
  const stored = (key: string): readonly [string, StoredTensor] => [
    key,
    {
      dtype: "F16",
      shape: wanted.get(key)!.shape,
      data: (values.get(mean(key)) ?? values.get(key)!).data as Float32Array,
    },
  ];
  const files = [
    ["model.safetensors", keys.filter((key) => !trainingOnly.test(key))],
    [headsFile, keys.filter((key) => trainingOnly.test(key))],
  ] as const;
  for (const [name, own] of files) writeSafetensors(join(folder, name), own.map(stored));
  writeWhole(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  writeWhole(join(folder, "tokenizer.json"), `${JSON.stringify(tokenizer, null, 2)}\n`);
}
