/** A graph cut into parts that run one after the other, so that the weights of only one of them need lie in memory. */
import { bytesOf } from "./cost.ts";
import { type Outputs, order, rewrite } from "./graph.ts";
import { input, type Tensor } from "./tensor.ts";

/** Each part's outputs: those of the whole that it computes, and what later parts read, which are given it under the same name. A part has weights of at most
 *  so many bytes, or reads a single tensor that has more. */
export function segments(outputs: Outputs, mostBytes: number): Outputs[] {
  const nodes = order(Object.values(outputs)).filter(({ inputs }) => inputs.length);
  const partOf = parts(nodes, mostBytes);
  const name = new Map(nodes.map((node, i) => [node, `cut.${i}`]));
  const asked = new Set(
    nodes.flatMap((node) => node.inputs.filter((x) => partOf.has(x) && partOf.get(x) !== partOf.get(node))),
  );
  const last = partOf.get(nodes.at(-1)!)!;
  return Array.from({ length: last + 1 }, (_, part) => {
    const own = [...asked].filter((x) => partOf.get(x) === part).map((x) => [name.get(x)!, x] as const);
    const named = Object.entries(outputs).filter(([, y]) => (partOf.get(y) ?? 0) === part);
    return rewrite(Object.fromEntries([...own, ...named]), (node) =>
      asked.has(node) && partOf.get(node)! < part ? input(name.get(node)!, node.shape, node.dtype) : undefined,
    );
  });
}

/** The part of each node: a new one begins where the weights that are read would become too many. */
function parts(nodes: readonly Tensor[], mostBytes: number): Map<Tensor, number> {
  const partOf = new Map<Tensor, number>();
  let held = new Set<Tensor>();
  let [part, bytes] = [0, 0];
  for (const node of nodes) {
    const more = node.inputs.filter((x) => x.op === "param" && !held.has(x));
    const moreBytes = more.reduce((sum, x) => sum + bytesOf(x, new Map()), 0);
    if (bytes && bytes + moreBytes > mostBytes) {
      part++;
      bytes = 0;
      held = new Set();
    }
    bytes += moreBytes;
    held = new Set([...held, ...more]);
    partOf.set(node, part);
  }
  return partOf;
}
