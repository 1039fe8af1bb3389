/** References of training: the loss, and its gradient with respect to the weights of the language model. */
import { z } from "zod";
import { gradients } from "../graph/grad.ts";
import { paramsOf } from "../graph/graph.ts";
import { input, iota } from "../graph/tensor.ts";
import { languageModel, merged, miniMonkeyConfig, patchFeatures, visualTokens } from "../models/mini-monkey.ts";
import { crossEntropy } from "../train/objective.ts";
import type { Floats, Ids, Kind } from "./reference.ts";

const placeholders = z.object({ img_context_token_id: z.int() });

/** The prefix of a gradient's name; the key of the weight follows. */
const prefix = "grad.";

/** Mini-Monkey's forward pass with labels. Inputs: pixel_values [n, 3, s, s] with image_flags [n, 1] (0: a tile that stands
 *  for no image), input_ids, attention_mask and labels [b, t] (−100: none), padded on the right. */
export const miniMonkeyTrain: Kind = async ({ w, wanted, run, ids, floats, config }) => {
  const c = config(miniMonkeyConfig);
  const { img_context_token_id: placeholder } = config(placeholders);
  const pixels = flagged(floats("pixel_values"), ids("image_flags").data);
  const prompt = ids("input_ids");
  const [b, t] = prompt.shape;

  const features = visualTokens(patchFeatures(input("pixels", pixels.shape), w, c), w, c);
  const x = merged(input("ids", [b, t], "i64"), features.rearrange("n f d -> (n f) d"), placeholder, w, c);
  const pass = { positions: iota(t).reshape([1, t]).expand([b, t]), segments: input("segments", [b, t], "i64") };
  const model = languageModel(w, c);
  const logits = model.head(model.states(x, pass).at(-1)!);
  const loss = crossEntropy(logits, input("targets", [b, t], "i64"));

  const params = paramsOf({ loss });
  const keys = [...wanted.keys()].flatMap((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : []));
  const known = keys.filter((key) => params.has(key));
  const found = gradients(
    loss,
    known.map((key) => params.get(key)!),
  );
  const graph = { loss, logits, ...Object.fromEntries(known.map((key, i) => [prefix + key, found[i]])) };
  const segments = mapped(ids("attention_mask"), (data, i) => (data[i] ? 0n : -1n));
  return run(graph, { pixels, ids: prompt, segments, targets: mapped(ids("labels"), targetAt(t)) });
};

/** Each position predicts the label of the next; the last one none. */
const targetAt =
  (t: number) =>
  (labels: BigInt64Array, i: number): bigint =>
    i % t === t - 1 || labels[i + 1] < 0n ? -1n : labels[i + 1];

function mapped(ids: Ids, f: (data: BigInt64Array, i: number) => bigint): Ids {
  return { ...ids, data: ids.data.map((_, i) => f(ids.data, i)) };
}

/** The tiles whose flag is 1. */
function flagged({ dtype, shape: [, ...tile], data }: Floats, flags: BigInt64Array): Floats {
  const size = tile.reduce((a, b) => a * b, 1);
  const chosen = Array.from(flags, Number).flatMap((flag, i) => (flag === 1 ? [i] : []));
  const pixels = new Float32Array(chosen.length * size);
  for (const [to, from] of chosen.entries()) pixels.set(data.subarray(from * size, (from + 1) * size), to * size);
  return { dtype, shape: [chosen.length, ...tile], data: pixels };
}
