/** The question that compression asks of the language model: which tokens do the others look at? */
import type { Outputs } from "../graph/graph.ts";
import { type Dim, size } from "../graph/shape.ts";
import { concat, input, iota } from "../graph/tensor.ts";
import { type BufferGraph, floatCache } from "../models/cache.ts";
import { merged, type TextModel } from "../models/text-model.ts";
import { bias, causal } from "../nn/attention.ts";

/** Attention of layer `layer` in a prompt that is read in pieces: mean over heads, summed over the voters by weight. Inputs: ids [rows, tokens] with `placeholder`
 *  where a visual token stands, features [visual, d], positions [rows, tokens], voters [voters] the places in the piece that vote, weights [windows, voters], and
 *  those of a cache in buffers for the layers below and the judge's keys. Outputs: votes [rows, windows, room + tokens], first for the cached tokens, then for the piece;
 *  and the cache's. Of `layer` only keys and the voters' queries are used; layers above it are not run. */
export function votes(
  layer: number,
  model: TextModel,
  placeholder: number,
  cache: BufferGraph = floatCache(model),
): Outputs {
  const [b, t, room] = [size("rows"), size("tokens"), size("room")];
  const ids = input("ids", [b, t], "i64");
  const x = merged(ids, input("features", [size("visual"), model.width]), placeholder, model);
  const voters = input("voters", [size("voters")], "i64");
  const weights = input("weights", [size("windows"), size("voters")]);
  const [q, keys] = model.queries(layer, x, { positions: input("positions", [b, t], "i64"), cache });
  const asked = q.rearrange("b k r t e -> t b k r e").rows(voters).rearrange("v b k r e -> b k r v e");
  const scaled = asked.mul((q.shape.at(-1) as number) ** -0.5);
  const old = input("past.judge.key", model.cacheShape<Dim>(b, room));
  const taken = bias(iota(room).less(cache.length)).rearrange("b s -> b 1 1 1 s");
  const scores = [scaled.matmul(old.T).add(taken), scaled.matmul(keys.T).add(bias(causal(voters, t)))];
  const seen = concat(scores, -1).apply("softmax").mean([1, 2]).rearrange("b 1 1 v s -> b v s");
  return { votes: weights.matmul(seen), "present.judge.key": keys, ...cache.outputs };
}
