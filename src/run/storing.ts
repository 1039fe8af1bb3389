/** How a converted model's weights are stored: which form each takes at a precision, and its numbers piece by piece. */
import { setImmediate } from "node:timers/promises";
import { WeightError } from "../errors.ts";
import { type Outputs, order } from "../graph/graph.ts";
import { block } from "../graph/ops-product.ts";
import type { Tensor } from "../graph/tensor.ts";
import { companions, companionTypes, type Form, type Packed, pack4, pack8 } from "../weights/packed.ts";
import type { Published } from "../weights/published.ts";
import type { StreamedTensor } from "../weights/safetensors.ts";

/** How weights are stored. In int8 and int4 that is how matrices are; norms, biases and positions are few and stay f32. */
export type StoredPrecision = "f16" | "f32" | "int8" | "int4";

/** The graphs that read the weights. */
export interface Read {
  readonly eyes: Outputs;
  readonly words: Outputs;
}

/** The forms of each matrix by how the graphs use it; keys that are not named stay numbers. Four bits are for the language model, which each token of an
 *  answer reads; the tower, which runs once, keeps eight, and so do the logits. */
export function formsOf({ eyes, words }: Read, precision: StoredPrecision): Map<string, Form[]> {
  const forms = new Map<string, Form[]>();
  if (precision === "f16" || precision === "f32") return forms;
  const eight = fineKeys(words);
  for (const graph of [eyes, words])
    for (const [key, { uses, shape }] of usesOf(graph)) {
      if (shape.length !== 2 || [...uses].some((use) => use !== "product" && use !== "table")) continue;
      const few = precision === "int4" && graph === words && !eight.has(key) && shape[1] % block === 0;
      const own = [...uses].map((use): Form => (use === "table" ? "rows8" : few ? "blocks4" : "columns8"));
      forms.set(key, own.sort());
    }
  return forms;
}

/** The keys of matrices whose products are the logits, or what attention multiplies, and of those that take what it fetched, without another product between. */
function fineKeys(words: Outputs): Set<string> {
  const nodes = order(Object.values(words));
  const users = new Map<Tensor, Tensor[]>(nodes.map((node) => [node, []]));
  for (const node of nodes) for (const x of node.inputs) users.get(x)!.push(node);
  const fetched = new Set<Tensor>();
  for (const node of nodes)
    if (node.op === "matmul" || (node.op !== "project" && node.inputs.some((x) => fetched.has(x)))) fetched.add(node);
  // Users stand behind what they use.
  const taken = new Set<Tensor>();
  const takes = (node: Tensor): boolean => node.op === "matmul" || (node.op !== "project" && taken.has(node));
  for (const node of nodes.reverse()) if (node === words.logits || users.get(node)!.some(takes)) taken.add(node);
  const fine = nodes.filter((node) => node.op === "project" && (taken.has(node) || fetched.has(node.inputs[0])));
  return new Set(fine.map(({ inputs: [, w] }) => w.attrs.key as string));
}

type Use = "product" | "table" | "other";

/** What each weight of a graph is: the matrix of products, a table that rows are taken of, or something else. */
function usesOf(graph: Outputs): Map<string, { uses: Set<Use>; shape: readonly number[] }> {
  const found = new Map<string, { uses: Set<Use>; shape: readonly number[] }>();
  for (const { op, inputs } of order(Object.values(graph)))
    for (const [i, x] of inputs.entries()) {
      if (x.op !== "param") continue;
      const use: Use = op === "project" && i === 1 ? "product" : op === "rows" && i === 0 ? "table" : "other";
      const entry = found.get(x.attrs.key) ?? { uses: new Set(), shape: x.shape as readonly number[] };
      found.set(x.attrs.key, { ...entry, uses: entry.uses.add(use) });
    }
  return found;
}

/** The tensors to write for a key, in order: itself, or the companions of its forms. `onNumbers` hears how many more numbers were read; before it does,
 *  whatever else waits in this process has its turn. */
export function storedAs(
  published: Published,
  key: string,
  forms: readonly Form[] | undefined,
  precision: StoredPrecision,
  onNumbers: (count: number) => void,
): (readonly [string, StreamedTensor])[] {
  const { shape } = published.entries.get(key)!;
  async function* pieces(): AsyncGenerator<Float32Array> {
    for (const values of published.pieces(key)) {
      yield finiteFloats(values, key, published.name, precision === "f16" ? f16Limit : undefined);
      await setImmediate();
      onNumbers(values.length);
    }
  }
  if (!forms) return [[key, { dtype: precision === "f16" ? "F16" : "F32", shape, pieces }]];
  return forms.flatMap((form) => {
    // All parts are made with the first; they are asked for in their order, and let go.
    let made: Packed[number][] = [];
    async function* part(i: number): AsyncGenerator<Packed[number]> {
      if (i === 0) made = [...(await (form === "blocks4" ? pack4(pieces(), shape) : pack8(pieces(), shape, form)))];
      yield made.shift()!;
    }
    const types = companionTypes(form, shape);
    return companions(key, form).map((name, i) => [name, { ...types[i], pieces: () => part(i) }] as const);
  });
}

/** Largest magnitude that rounds to a finite F16. */
const f16Limit = 65520;

/** Numbers of a weight as float32. Throws WeightError where one is none, or has a magnitude of `limit` or more. */
export function finiteFloats(
  values: ArrayLike<number | bigint>,
  key: string,
  name: string,
  limit: number = Number.POSITIVE_INFINITY,
): Float32Array {
  const floats = values instanceof Float32Array ? values : Float32Array.from(values, Number);
  let bad = 0;
  while (bad < floats.length && Math.abs(floats[bad]) < limit) bad++;
  if (bad === floats.length) return floats;
  const why = Number.isFinite(floats[bad])
    ? "beyond f16; choose --precision f32"
    : "no number; download the file again";
  throw new WeightError(`${name}: "${key}" holds ${floats[bad]}, ${why}`);
}
