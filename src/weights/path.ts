/** Weights as a path: `w.encoder.layers[i].attn.qkv` in a model is the key in the checkpoint. */
import { WeightError } from "../errors.ts";
import type { Place } from "../graph/onnx.ts";
import { sameShape, show } from "../graph/shape.ts";
import { type DType, node, type Tensor } from "../graph/tensor.ts";
import { distance } from "../text/distance.ts";
import type { Form } from "./packed.ts";

/** A place in a checkpoint; any property leads on. `param` makes a tensor of it. */
export interface Weights {
  readonly [name: string]: Weights;
}

/** How a weight begins when nothing is known: a normal distribution of this deviation, one value everywhere, or given values. */
export type Initial = { deviation: number } | { value: number } | { values: () => Float32Array };

/** What stands behind a path: shapes and places by key. */
export interface Source {
  /** Named in messages: the file or folder. */
  readonly name: string;
  /** The stored tensor, or undefined where there is none. `at` is absent where each run is given the values, and where the tensor is packed. */
  find(
    key: string,
    shape: readonly number[],
    initial: Initial,
  ): { shape: readonly number[]; at?: Place; packed?: readonly PackedPlace[] } | undefined;
  keys(): Iterable<string>;
}

/** A form that a matrix is stored in (weights/packed.ts), and where its parts lie. */
export interface PackedPlace {
  readonly form: Form;
  readonly parts: readonly Stored[];
}
/** A tensor in a file. */
export interface Stored {
  readonly key: string;
  readonly shape: readonly number[];
  readonly at: Place;
}

/** The parts of a packed weight as tensors: the attribute `packed` of its param. */
export type PackedTensors = Partial<Record<Form, readonly Tensor[]>>;

interface Store {
  readonly source: Source;
  readonly tensors: Map<string, Tensor>;
}

const paths = new WeakMap<object, { store: Store; key: string }>();

/** The root of the paths into a source. */
export function weights(source: Source): Weights {
  return path({ source, tensors: new Map() }, "");
}

function path(store: Store, key: string): Weights {
  // A proxy's target must be an object; paths remember what each proxy stands for.
  const proxy: Weights = new Proxy({} as Weights, {
    get: (_, name) => path(store, key ? `${key}.${String(name)}` : String(name)),
    has: (_, name) => has(store.source, key ? `${key}.${String(name)}` : String(name)),
  });
  paths.set(proxy, { store, key });
  return proxy;
}

/** Whether a source holds this key or any below it. */
function has(source: Source, key: string): boolean {
  for (const k of source.keys()) if (k === key || k.startsWith(`${key}.`)) return true;
  return false;
}

/** What to do where weights and model disagree. */
export const cure = "download both again, or take the config.json that belongs to these weights";

/** The weight at a path, with the shape the model expects of it. The same path twice is the same tensor.
 *  Throws WeightError that names the key, the nearest keys or both shapes, and the source. */
export function param(w: Weights, shape: readonly number[], initial: Initial, dtype: DType = "f32"): Tensor {
  const { store, key } = paths.get(w)!;
  const before = store.tensors.get(key);
  const found: ReturnType<Source["find"]> = before
    ? { shape: before.shape as number[] }
    : store.source.find(key, shape, initial);
  if (!found)
    throw new WeightError(
      `no weight "${key}" in ${store.source.name}; nearest: ${nearest(key, store.source.keys()).join(", ")}; ${cure}`,
    );
  if (!sameShape(found.shape, shape))
    throw new WeightError(
      `"${key}" is ${show(found.shape)} in ${store.source.name}, ${show(shape)} in the model; ${cure}`,
    );
  const tensor = before ?? node("param", [], { key, shape, dtype, ...stored(found) });
  store.tensors.set(key, tensor);
  return tensor;
}

/** Where a weight lies, as attributes of its param. */
function stored({ at, packed }: { at?: Place; packed?: readonly PackedPlace[] }): {
  at?: Place;
  packed?: PackedTensors;
} {
  if (!packed) return { at };
  const part = ({ key, shape, at }: Stored): Tensor => node("param", [], { key, shape, dtype: at.dtype, at });
  return {
    packed: Object.fromEntries(packed.map(({ form, parts }) => [form, parts.map(part)])),
  };
}

/** Throws WeightError where the source holds keys that no `param` of this root asked for. */
export function close(w: Weights, except: RegExp): void {
  const { store } = paths.get(w)!;
  const left = [...store.source.keys()].filter((key) => !store.tensors.has(key) && !except.test(key));
  if (left.length)
    throw new WeightError(
      `${store.source.name}: the model uses ${store.tensors.size} weights and leaves ${left.length} unused: ${left.slice(0, 5).join(", ")}${left.length > 5 ? ", …" : ""}; ${cure}`,
    );
}

/** The three keys at the smallest edit distance. */
function nearest(key: string, keys: Iterable<string>): string[] {
  const ranked = [...keys].map((k) => [distance(key, k), k] as const).sort(([a], [b]) => a - b);
  return ranked.length ? ranked.slice(0, 3).map(([, k]) => k) : ["none, the source is empty"];
}
