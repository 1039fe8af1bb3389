/** A reference folder: a small model with inputs, and the outputs that the authors' own code gave for them. */
import type { z } from "zod";
import { FormatError, RequestError } from "../errors.ts";
import type { Engine, Feeds, Values } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { checked, readJson } from "../run/models.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { checkFinite } from "../weights/finite.ts";
import { type Weights, weights } from "../weights/path.ts";
import { openSafetensors, type SafetensorsFile } from "../weights/safetensors.ts";

/** Values of one type. */
export type Floats = Values & { data: Float32Array };
export type Ids = Values & { data: BigInt64Array };

/** What the computation of a kind of reference is given. */
export interface Reference {
  /** The root of weights.safetensors. */
  readonly w: Weights;
  readonly engine: Engine;
  /** The names in inputs.safetensors, and the shapes in outputs.safetensors: how many steps were decoded is only said there. */
  readonly inputs: readonly string[];
  readonly wanted: ReadonlyMap<string, readonly number[]>;
  /** config.json and reference.json in the form of a schema. Throws FormatError. */
  config<T>(schema: z.ZodType<T>): T;
  notes<T>(schema: z.ZodType<T>): T;
  /** An input as f32 or as i64. Throws FormatError naming the inputs there are. */
  floats(name: string): Floats;
  ids(name: string): Ids;
  /** Opens a graph, runs it once and closes it. */
  run(graph: Outputs, feeds: Feeds): Promise<Record<string, Values>>;
}

/** Computes the outputs of one kind of reference by their names; names that nobody asked for do no harm. */
export type Kind = (reference: Reference) => Promise<Record<string, Values>>;

/** An open folder: `kind` as reference.json says, `output` the values that are expected. */
export interface ReferenceFolder extends Reference {
  readonly kind: string;
  output(name: string): ArrayLike<number | bigint>;
  /** Whether an output is stored as whole numbers. */
  whole(name: string): boolean;
  close(): void;
}

/** Opens a folder with reference.json, config.json, weights, inputs and outputs.safetensors. Throws RequestError (404) for a
 *  missing file, FormatError for a damaged one, WeightError for a weight that is NaN. */
export function openReference(folder: string, engine: Engine): ReferenceFolder {
  const note = readJson(`${folder}/reference.json`);
  const configuration = readJson(`${folder}/config.json`);
  const [inputs, outputs] = ["inputs", "outputs"].map((part) => openSafetensors(`${folder}/${part}.safetensors`));
  if (!outputs.entries.size)
    throw new FormatError(`${folder}/outputs.safetensors: holds nothing; expected what the authors' code computed`);
  const checkpoint = openCheckpoint(folder, ["weights.safetensors"]);
  checkFinite(checkpoint);
  return {
    kind: kindOf(note, folder),
    w: weights(checkpoint),
    engine,
    inputs: [...inputs.entries.keys()],
    wanted: new Map([...outputs.entries].map(([name, { shape }]) => [name, shape])),
    config: (schema) => checked(schema, configuration, `${folder}/config.json`),
    notes: (schema) => checked(schema, note, `${folder}/reference.json`),
    floats: (name) => {
      const { shape, data } = read(inputs, name);
      return { dtype: "f32", shape, data: Float32Array.from(data, Number) };
    },
    ids: (name) => {
      const { shape, data } = read(inputs, name);
      return { dtype: "i64", shape, data: BigInt64Array.from(data, BigInt) };
    },
    async run(graph, feeds) {
      const session = await engine.open(graph);
      try {
        return await session.run(feeds);
      } finally {
        await session.close();
      }
    },
    output: (name) => outputs.read(name),
    whole: (name) => !/^B?F\d/.test(outputs.entries.get(name)!.dtype),
    close: () => {
      for (const file of [inputs, outputs, checkpoint]) file.close();
    },
  };
}

function kindOf(note: unknown, folder: string): string {
  const kind = (note as { kind?: unknown } | null)?.kind;
  if (typeof kind === "string") return kind;
  throw new FormatError(`${folder}/reference.json: has no "kind"; expected the kind of reference as text`);
}

function read(file: SafetensorsFile, name: string): { shape: readonly number[]; data: (number | bigint)[] } {
  const entry = file.entries.get(name);
  if (!entry) throw new FormatError(`${file.path}: has no "${name}"; there are ${[...file.entries.keys()].join(", ")}`);
  return { shape: entry.shape, data: Array.from<number | bigint>(file.read(name)) };
}

/** The kind of that name. Throws RequestError that lists them all. */
export function kindNamed(kinds: Readonly<Record<string, Kind>>, name: string, folder: string): Kind {
  if (Object.hasOwn(kinds, name)) return kinds[name];
  throw new RequestError(
    `${folder}/reference.json: no kind "${name}"; there are ${Object.keys(kinds).join(", ")}; name one of them`,
  );
}
