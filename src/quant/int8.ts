/** 8-bit products as a rewrite of any graph: weights per output row, activations per token (LLM.int8, Dettmers 2022, without the outlier split). */
import { type Outputs, rewrite } from "../graph/graph.ts";

/** Every product with a weight that is stored in floats becomes `project8`; the weights stay as they are on disk and are turned
 *  (`hadamard`, which makes room for outliers) and rounded when a session opens. */
export function int8(outputs: Outputs): Outputs {
  return rewrite(outputs, (node, [x, w, ...rest]) =>
    node.op === "project" && w.op === "param" && !w.attrs.packed
      ? x.apply("hadamard").apply("project8", [w.apply("hadamard"), ...rest])
      : undefined,
  );
}
