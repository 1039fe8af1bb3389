/** Reverse-mode differentiation: the gradient of a graph is a graph. */
import { ShapeError } from "../errors.ts";
import { expanded, order } from "./graph.ts";
import { ops } from "./ops.ts";
import { show } from "./shape.ts";
import { constant, type Tensor } from "./tensor.ts";

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
  const sums = new Map<Tensor, Tensor>([[y, g]]);
  for (const node of nodes.reverse()) {
    const sum = sums.get(node);
    if (!sum || wanted.has(node) || !carries.has(node)) continue;
    gradientsOf(node, sum).forEach((dx, i) => {
      const x = node.inputs[i];
      if (dx && carries.has(x)) sums.set(x, sums.get(x)?.add(dx) ?? dx);
    });
  }
  return wrt.map((x) => sums.get(x));
}

/** The rule of the operator's row, or the gradient of its definition. */
function gradientsOf(node: Tensor, g: Tensor): (Tensor | undefined)[] {
  const rule = ops[node.op].grad;
  if (rule) return rule(g, node.inputs, node, node.attrs);
  const definition = expanded(node);
  if (!definition) throw new ShapeError(`${node} has no gradient rule, yet the loss depends on a parameter through it`);
  return pullBack(definition, g, node.inputs);
}
