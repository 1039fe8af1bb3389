/** A graph is its named outputs: everything else is reached from them. */
import { ops } from "./ops.ts";
import type { Tensor } from "./tensor.ts";

export type Outputs = Readonly<Record<string, Tensor>>;

/** All nodes that the outputs need, inputs before users; deep graphs do not deepen the stack. */
export function order(outputs: Iterable<Tensor>): Tensor[] {
  const done = new Set<Tensor>();
  const result: Tensor[] = [];
  const stack = [...outputs].reverse();
  while (stack.length) {
    const node = stack.at(-1)!;
    const missing = done.has(node) ? [] : node.inputs.filter((x) => !done.has(x));
    if (missing.length) {
      stack.push(...missing.reverse());
      continue;
    }
    stack.pop();
    if (!done.has(node)) result.push(node);
    done.add(node);
  }
  return result;
}

/** The graph with every node replaced by what `rule` makes of it, from the inputs up; undefined leaves a node as it is. */
export function rewrite(
  outputs: Outputs,
  rule: (node: Tensor, inputs: readonly Tensor[]) => Tensor | undefined,
): Outputs {
  const now = new Map<Tensor, Tensor>();
  for (const node of order(Object.values(outputs))) {
    const inputs = node.inputs.map((x) => now.get(x)!);
    const same = inputs.every((x, i) => x === node.inputs[i]);
    now.set(node, rule(node, inputs) ?? (same ? node : remake(node, inputs)));
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, y]) => [name, now.get(y)!]));
}

function remake(node: Tensor, inputs: readonly Tensor[]): Tensor {
  return inputs[0].apply(node.op, inputs.slice(1), node.attrs);
}

/** A composite in the rows that define it. */
export function expanded(node: Tensor): Tensor | undefined {
  return ops[node.op].define?.(node.inputs, node.attrs);
}

/** The inputs that a run must be given, in the order of first use. */
export const inputsOf = (outputs: Outputs): Tensor[] => order(Object.values(outputs)).filter((x) => x.op === "input");

/** The weights that the graph names, each once. */
export function paramsOf(outputs: Outputs): Map<string, Tensor> {
  const params = order(Object.values(outputs)).filter((x) => x.op === "param");
  return new Map(params.map((p) => [p.attrs.key as string, p]));
}
