/** The question that compression asks of the language model: which tokens do the others look at? */
import type { Outputs } from "../graph/graph.ts";
import { size } from "../graph/shape.ts";
import { input, iota } from "../graph/tensor.ts";
import { merged, type TextModel } from "../models/text-model.ts";

/** Attention of layer `layer`, mean over heads, summed over the voters by weight. Inputs: ids [1, tokens] with `placeholder`
 *  where a visual token stands, features [visual, d], voters [voters] the places that vote, weights [windows, voters].
 *  Output: votes [windows, tokens]. Layers above `layer` are not run. */
export function votes(layer: number, model: TextModel, placeholder: number): Outputs {
  const t = size("tokens");
  const ids = input("ids", [1, t], "i64");
  const features = input("features", [size("visual"), model.width]);
  const voters = input("voters", [size("voters")], "i64");
  const weights = input("weights", [size("windows"), size("voters")]);
  const x = merged(ids, features, placeholder, model);
  const pass = { positions: iota(t).reshape([1, t]) };
  const seen = model.attentionOf(layer, x, voters, pass);
  return { votes: weights.matmul(seen.mean([1]).rearrange("1 1 r t -> r t")) };
}
