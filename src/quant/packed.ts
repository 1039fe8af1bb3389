/** Graphs over weights that a folder stores in few bits: products and tables read the bytes themselves. */
import { type Outputs, rewrite } from "../graph/graph.ts";
import { matrix4 } from "../graph/ops-product.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { PackedTensors } from "../weights/path.ts";

const packedOf = (x: Tensor): PackedTensors | undefined => (x.op === "param" ? x.attrs.packed : undefined);

/** Every product with a packed weight reads its bytes, every table its rows; any other use gets the numbers that the bytes stand for. */
export function packed(outputs: Outputs): Outputs {
  return rewrite(outputs, (node, inputs) => {
    const [x, w, ...rest] = inputs;
    const weight = w && packedOf(w);
    if (node.op === "project" && weight?.columns8)
      return x.apply("hadamard").apply("product8", [...weight.columns8, ...rest]);
    if (node.op === "project" && weight?.blocks4)
      return x.apply("hadamard").apply("product4", [...weight.blocks4, ...rest]);
    const table = x && packedOf(x)?.rows8;
    if (node.op === "rows" && table)
      return table[0]
        .rows(w)
        .cast("f32")
        .mul(column(table[1].rows(w)));
    if (!inputs.some(packedOf)) return undefined;
    const [first, ...others] = inputs.map((input) => (packedOf(input) ? numbers(packedOf(input)!) : input));
    return first.apply(node.op, others, node.attrs);
  });
}

/** A last axis of size 1. */
const column = (x: Tensor): Tensor => x.reshape([...x.shape, 1]);

/** The whole matrix [n, m]. */
function numbers({ rows8, columns8, blocks4 }: PackedTensors): Tensor {
  if (rows8) return rows8[0].cast("f32").mul(column(rows8[1]));
  if (columns8) return columns8[0].cast("f32").mul(columns8[1]).T.apply("hadamard");
  const [bytes, scales, zeros] = blocks4!;
  return matrix4(bytes, scales, zeros).apply("hadamard");
}
