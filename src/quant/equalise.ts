/** Equalising (SmoothQuant, Xiao 2022): which products of a graph share their input, and what in front of them can be divided by a scale of each of its
 *  channels, so that the weights may be multiplied by it and the graph computes what it did. */
import { order } from "../graph/graph.ts";
import { sameShape } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Rows of a weight, from `first` on, as many as the input has channels. */
interface Divided {
  readonly key: string;
  readonly first: number;
}

/** Products with stored weights that read the same rows. */
export interface Site {
  /** What they read, [..., m]. */
  readonly input: Tensor;
  /** The keys of their weights, [n, m] each. */
  readonly products: readonly string[];
  /** What can be divided by the scales, or why nothing can. */
  readonly divided: readonly Divided[] | string;
}

/** The sites of some weights, in the order of the graph. */
export function sitesOf(outputs: readonly Tensor[], keys: ReadonlySet<string>): Site[] {
  const nodes = order(outputs);
  const users = new Map<Tensor, Tensor[]>(nodes.map((node) => [node, []]));
  for (const node of nodes) for (const x of new Set(node.inputs)) users.get(x)!.push(node);
  const found = new Map<Tensor, Tensor[]>();
  for (const node of nodes) {
    if (node.op !== "project" || !keys.has(node.inputs[1].attrs.key)) continue;
    const read = whole(node.inputs[0]);
    found.set(read, [...(found.get(read) ?? []), node]);
  }
  return [...found].map(([input, products]) => ({
    input,
    products: [...new Set(products.map(({ inputs: [, w] }) => w.attrs.key as string))],
    divided: dividedIn(input, products, users, outputs),
  }));
}

type Users = ReadonlyMap<Tensor, readonly Tensor[]>;

/** x before some of its rows were taken. */
const whole = (x: Tensor): Tensor => (isRows(x) ? whole(x.inputs[0]) : x);
const isRows = ({ op, attrs, shape }: Tensor): boolean => op === "slice" && attrs.axis < shape.length - 1;

function dividedIn(
  x: Tensor,
  products: readonly Tensor[],
  users: Users,
  outputs: readonly Tensor[],
): readonly Divided[] | string {
  const reads = (node: Tensor): boolean => (isRows(node) ? users.get(node)!.every(reads) : products.includes(node));
  if (outputs.includes(x) || !users.get(x)!.every(reads)) return "something else reads its input";
  if (products.some(({ inputs: [, w] }) => users.get(w)!.length > 1)) return "its weight has another use";
  return sources(x, users) ?? "no norm and no product stands in front of it";
}

/** What the channels of x are proportional to. */
function sources(x: Tensor, users: Users): Divided[] | undefined {
  if (x.op === "rmsNorm" || x.op === "layerNorm" || x.op === "project") return own(x, 0, users);
  if (x.op !== "mul") return undefined;
  return x.inputs
    .map((y) => (sameShape(y.shape, x.shape) && only(y, users) ? factor(y, users) : undefined))
    .find(Boolean);
}

/** The same of a product, or of a part of its channels. */
function factor(y: Tensor, users: Users): Divided[] | undefined {
  if (y.op === "project") return own(y, 0, users);
  if (y.op !== "slice" || isRows(y) || y.inputs[0].op !== "project") return undefined;
  const { start, end } = y.attrs;
  const apart = ({ op, attrs }: Tensor): boolean => op === "slice" && (attrs.end <= start || attrs.start >= end);
  return users.get(y.inputs[0])!.every((other) => other === y || apart(other))
    ? own(y.inputs[0], start, users)
    : undefined;
}

/** The weights of a norm or a product, where nothing else uses them. */
function own({ inputs: [, ...params] }: Tensor, first: number, users: Users): Divided[] | undefined {
  const divisible = params.every((p) => p.op === "param" && only(p, users));
  return divisible ? params.map((p) => ({ key: p.attrs.key, first })) : undefined;
}

const only = (x: Tensor, users: Users): boolean => users.get(x)!.length === 1;

/** Least share of the mean magnitude that a channel counts with: what some images leave silent may speak on others. */
const least = 0.01;

/** s_j = (x_j / w_j)^strength, from the root mean squares of the channels of a product's input and of its weights' columns. Where both sides are turned in
 *  blocks before they are rounded, 1/2 has the least error by the inequality of Cauchy and Schwarz; 0 leaves everything as it is. */
export function scalesOf(x: Float64Array, w: Float64Array, strength: number): Float64Array {
  const [ofX, ofW] = [x, w].map((values) => {
    const floor = least * Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
    return values.map((v) => Math.max(v, floor));
  });
  return ofX.map((v, j) => (v && ofW[j] ? (v / ofW[j]) ** strength : 1));
}
