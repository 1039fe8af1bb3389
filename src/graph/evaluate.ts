/** The slow, obvious evaluator in float64: the oracle that every lowering and every gradient is held against. */
import { ShapeError } from "../errors.ts";
import { expanded, type Outputs, order } from "./graph.ts";
import type { Value } from "./op.ts";
import { ops } from "./ops.ts";
import { bind, type Shape, Size, show } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** Values of the outputs; `feeds` holds inputs by name and weights by key. */
export function evaluate(outputs: Outputs, feeds: Readonly<Record<string, Value>>): Record<string, Value> {
  const sizes = bindings(order(Object.values(outputs)), feeds);
  const known = new Map<Tensor, Value>();
  const value = (y: Tensor): Value => {
    for (const node of order([y])) if (!known.has(node)) known.set(node, compute(node));
    return known.get(y)!;
  };
  const compute = (node: Tensor): Value => {
    const name = node.op === "input" ? node.attrs.name : node.op === "param" ? node.attrs.key : undefined;
    if (name !== undefined) return fed(feeds, name);
    const row = ops[node.op];
    const definition = row.evaluate ? undefined : expanded(node);
    if (definition) return value(definition);
    const shape = node.shape.map((d) => bind(d, sizes));
    const attrs = Object.fromEntries(
      Object.entries(node.attrs).map(([k, v]) => [k, v instanceof Size ? bind(v, sizes) : v]),
    );
    return {
      shape,
      data: row.evaluate!(
        node.inputs.map((x) => known.get(x)!),
        attrs,
        shape,
      ),
    };
  };
  return Object.fromEntries(Object.entries(outputs).map(([name, y]) => [name, value(y)]));
}

function fed(feeds: Readonly<Record<string, Value>>, name: string): Value {
  const given = feeds[name];
  if (!given) throw new ShapeError(`evaluate: no value for "${name}"; there are ${Object.keys(feeds).join(", ")}`);
  return given;
}

/** What the named sizes are, read off the shapes of the given inputs. */
function bindings(nodes: readonly Tensor[], feeds: Readonly<Record<string, Value>>): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const node of nodes)
    if (node.op === "input") bindSizes(node.attrs.name, node.shape, fed(feeds, node.attrs.name).shape, sizes);
  return sizes;
}

/** Checks a given shape against the declared one and records what its named sizes are. */
export function bindSizes(name: string, declared: Shape, given: readonly number[], sizes: Map<string, number>): void {
  const fits =
    declared.length === given.length &&
    declared.every((d, i) => {
      if (typeof d === "number") return d === given[i];
      const symbol = d.toString();
      if (!d.terms.has(symbol)) return true;
      const value = sizes.get(symbol) ?? given[i];
      sizes.set(symbol, value);
      return value === given[i];
    });
  if (!fits) throw new ShapeError(`input "${name}" is ${show(given)}, ${show(declared)} was expected`);
}
