/** Reverse-mode differentiation: the gradient of a graph is a graph. */
import { ShapeError } from "../errors.ts";
import { expanded, order } from "./graph.ts";
import { ops } from "./ops.ts";
import { type Dim, plus, same, show } from "./shape.ts";
import { concat, constant, type Tensor } from "./tensor.ts";

/** ∂loss/∂x for each x of `wrt`; a tensor that the loss does not depend on has gradient zero. loss: one element. */
export function gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.shape.some((d) => d !== 1))
    throw new ShapeError(`gradients: the loss is ${show(loss.shape)}, one element was expected`);
  const one = constant([1], [], loss.dtype).expand(loss.shape);
  return pullBack(loss, one, wrt).map((g, i) => g ?? wrt[i].scalar(0).expand(wrt[i].shape));
}

/** Σ g · ∂y/∂x for each x of `wrt`, which bound the walk: nothing above them is visited. */
function pullBack(y: Tensor, g: Tensor, wrt: readonly Tensor[]): (Tensor | undefined)[] {
  const wanted = new Set(wrt);
  const nodes = order([y]);
  const carries = new Set<Tensor>(wanted);
  for (const node of nodes) if (!wanted.has(node) && node.inputs.some((x) => carries.has(x))) carries.add(node);
  const parts = new Map<Tensor, Tensor[]>([[y, [g]]]);
  for (const node of nodes.reverse()) {
    const own = parts.get(node);
    if (!own || wanted.has(node) || !carries.has(node)) continue;
    gradientsOf(node, summed(own)).forEach((dx, i) => {
      const x = node.inputs[i];
      if (dx && carries.has(x)) parts.set(x, [...(parts.get(x) ?? []), dx]);
    });
  }
  return wrt.map((x) => parts.get(x) && summed(parts.get(x)!));
}

/** The sum of gradients; those of slices that tile an axis are joined instead of padded and added. */
function summed(parts: readonly Tensor[]): Tensor {
  const sum = (): Tensor => parts.reduce((a, b) => a.add(b));
  const { axis } = parts[0].attrs;
  if (parts.length < 2 || parts.some((g) => g.op !== "pad" || g.attrs.axis !== axis)) return sum();
  const starts = new Map(parts.map((g) => [String(g.attrs.before), g]));
  const tiles: Tensor[] = [];
  let end: Dim = 0;
  for (let g = starts.get("0"); g; g = starts.get(String(end))) {
    const [tile] = g.inputs;
    tiles.push(tile);
    end = plus(end, tile.shape[axis]);
  }
  return tiles.length === parts.length && same(end, parts[0].shape[axis]) ? concat(tiles, axis) : sum();
}

/** The rule of the operator's row, or the gradient of its definition. */
function gradientsOf(node: Tensor, g: Tensor): (Tensor | undefined)[] {
  const rule = ops[node.op].grad;
  if (rule) return rule(g, node.inputs, node, node.attrs);
  const definition = expanded(node);
  if (!definition) throw new ShapeError(`${node} has no gradient rule, yet the loss depends on a parameter through it`);
  // What is given twice has all of its gradient where it stands first.
  return pullBack(definition, g, node.inputs).map((dx, i) =>
    node.inputs.indexOf(node.inputs[i]) === i ? dx : undefined,
  );
}
