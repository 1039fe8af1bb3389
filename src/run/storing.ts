/** How a converted model's weights are stored: which form each takes at a precision, and its numbers piece by piece. */
import { setImmediate } from "node:timers/promises";
import { WeightError } from "../errors.ts";
import { type Outputs, order } from "../graph/graph.ts";
import { block } from "../graph/ops-product.ts";
import type { Tensor } from "../graph/tensor.ts";
import { companionShapes, companions, type Form, type Packed, pack4, pack8 } from "../weights/packed.ts";
import type { Published } from "../weights/published.ts";
import type { StreamedTensor } from "../weights/safetensors.ts";

/** How weights are stored. In int8 and int4 that is how matrices are; norms, biases and positions are few and stay f32. */
export type StoredPrecision = "f16" | "f32" | "int8" | "int4";

/** The graphs that read the weights. */
export interface Read {
  readonly eyes: Outputs;
  readonly words: Outputs;
}

/** The forms of each matrix by how the graphs use it; keys that are not named stay numbers. Four bits are for the layers that each token of an answer
 *  reads, where the result passes a gate or an activation: what attention and the hidden state take as it is costs three times as much perplexity in
 *  them (stories15M) and keeps eight, and so does the tower, which runs once. */
export function formsOf({ eyes, words }: Read, precision: StoredPrecision): Map<string, Form[]> {
  const forms = new Map<string, Form[]>();
  if (precision === "f16" || precision === "f32") return forms;
  const plain = addedPlainly(words);
  for (const graph of [eyes, words])
    for (const [key, { uses, shape }] of usesOf(graph)) {
      if (shape.length !== 2 || [...uses].some((use) => use !== "product" && use !== "table")) continue;
      const few = precision === "int4" && graph === words && !plain.has(key) && shape[1] % block === 0;
      const own = [...uses].map((use): Form => (use === "table" ? "rows8" : few ? "blocks4" : "columns8"));
      forms.set(key, own.sort());
    }
  return forms;
}

/** Operators that hand errors on as they are. */
const plainOps = new Set(["add", "sub", "reshape", "transpose", "expand", "slice", "concat", "cast", "matmul"]);
/** Where results of products are read. */
const readers = new Set(["project", "layerNorm", "rmsNorm", "softmax"]);

/** The keys of matrices whose products reach a norm, attention, another product or an output without a gate or an activation between. */
function addedPlainly(graph: Outputs): Set<string> {
  const nodes = order(Object.values(graph));
  const users = new Map<Tensor, Tensor[]>(nodes.map((node) => [node, []]));
  for (const node of nodes) for (const x of node.inputs) users.get(x)!.push(node);
  const results = new Set(Object.values(graph));
  const weighted = new Set<Tensor>();
  for (const node of nodes) if (node.op === "param" || node.inputs.some((x) => weighted.has(x))) weighted.add(node);
  // A gate is a factor that weights make; the others scale or turn.
  const passes = ({ op, inputs }: Tensor): boolean =>
    plainOps.has(op) || (["mul", "div"].includes(op) && !inputs.every((x) => weighted.has(x)));
  // Users stand behind what they use.
  const reaches = new Map<Tensor, boolean>();
  for (const node of nodes.reverse())
    reaches.set(
      node,
      results.has(node) ||
        users.get(node)!.some((user) => readers.has(user.op) || (passes(user) && reaches.get(user)!)),
    );
  const plain = nodes.filter((node) => node.op === "project" && reaches.get(node));
  return new Set(plain.map(({ inputs: [, w] }) => w.attrs.key as string));
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
      yield rounded(values, key, precision, published.name);
      await setImmediate();
      onNumbers(values.length);
    }
  }
  if (!forms) return [[key, { dtype: precision === "f16" ? "F16" : "F32", shape, pieces }]];
  let scales: Packed["scales"] = new Float32Array();
  async function* numbers(form: Form): AsyncGenerator<Packed["numbers"]> {
    const packed = await (form === "blocks4" ? pack4(pieces(), shape) : pack8(pieces(), shape, form));
    scales = packed.scales;
    yield packed.numbers;
  }
  return forms.flatMap((form) => {
    const [shapes, names] = [companionShapes(form, shape), companions(key, form)];
    const dtype = form === "blocks4" ? "U8" : "I8";
    const tensors = [[names[0], { dtype, shape: shapes[0], pieces: () => numbers(form) }]] as const;
    return [...tensors, [names[1], { dtype: "F32", shape: shapes[1], pieces: () => [scales] }]] as const;
  });
}

/** Largest magnitude that rounds to a finite F16. */
const f16Limit = 65520;

function rounded(
  values: ArrayLike<number | bigint>,
  key: string,
  precision: StoredPrecision,
  name: string,
): Float32Array {
  const floats = values instanceof Float32Array ? values : Float32Array.from(values, Number);
  const limit = precision === "f16" ? f16Limit : Number.POSITIVE_INFINITY;
  let bad = 0;
  while (bad < floats.length && Math.abs(floats[bad]) < limit) bad++;
  if (bad === floats.length) return floats;
  const why = Number.isFinite(floats[bad])
    ? "beyond f16; choose --precision f32"
    : "no number; download the file again";
  throw new WeightError(`${name}: "${key}" holds ${floats[bad]}, ${why}`);
}
