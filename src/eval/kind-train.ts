/** References of training: the loss, and its gradient with respect to the weights of the language model. */

import { z } from "zod";
import { gradients } from "../graph/grad.ts";
import { type Outputs, paramsOf } from "../graph/graph.ts";
import { constant, input, iota, type Tensor } from "../graph/tensor.ts";
import { total } from "../graph/value.ts";
import { languageModel, miniMonkeyConfig, patchFeatures, visualTokens } from "../models/mini-monkey.ts";
import { merged } from "../models/text-model.ts";
import { crossEntropy } from "../train/losses.ts";
import type { Floats, Ids, Kind, Reference } from "./reference.ts";

const placeholders = z.object({ img_context_token_id: z.int() });

/** Mini-Monkey's forward pass with labels. Inputs: pixel_values [n, 3, s, s] with image_flags [n, 1] (0: a tile that stands
 *  for no image), input_ids, attention_mask and labels [b, t] (−100: none), padded on the right. */
export const miniMonkeyTrain: Kind = async (reference) => {
  const { w, run, ids, floats, config } = reference;
  const c = config(miniMonkeyConfig);
  const { img_context_token_id: placeholder } = config(placeholders);
  const pixels = flagged(floats("pixel_values"), ids("image_flags").data);
  const prompt = ids("input_ids");
  const [b, t] = prompt.shape;

  const features = visualTokens(patchFeatures(input("pixels", pixels.shape), w, c), w, c);
  const x = merged(
    input("ids", [b, t], "i64"),
    features.rearrange("n f d -> (n f) d"),
    placeholder,
    languageModel(w, c),
  );
  const pass = { positions: iota(t).reshape([1, t]).expand([b, t]), segments: input("segments", [b, t], "i64") };
  const model = languageModel(w, c);
  const logits = model.head(model.states(x, pass).at(-1)!);
  const loss = crossEntropy(logits, input("targets", [b, t], "i64"));

  const graph = { loss, logits, ...gradientsOf(reference, loss) };
  const segments = mapped(ids("attention_mask"), (data, i) => (data[i] ? 0n : -1n));
  return run(graph, { pixels, ids: prompt, segments, targets: targetsOf(ids("labels")) });
};

/** The gradients of a loss that a reference holds, as `prefix`grad.KEY; zero for a weight that the loss does not see. */
export function gradientsOf({ w, wanted }: Reference, loss: Tensor, prefix = ""): Outputs {
  const start = `${prefix}grad.`;
  const params = paramsOf({ loss });
  const names = [...wanted.keys()].filter((name) => name.startsWith(start) && name.slice(start.length) in w);
  const param = (name: string): Tensor =>
    params.get(name.slice(start.length)) ?? constant(new Float32Array(total(wanted.get(name)!)), wanted.get(name)!);
  const found = gradients(loss, names.map(param));
  return Object.fromEntries(names.map((name, i) => [name, found[i]]));
}

/** What each position of labels [b, t] must predict: the label of the next; −1 for none. */
export function targetsOf(labels: Ids): Ids {
  const [, t] = labels.shape;
  return mapped(labels, (data, i) => (i % t === t - 1 || data[i + 1] < 0n ? -1n : data[i + 1]));
}

function mapped(ids: Ids, f: (data: BigInt64Array, i: number) => bigint): Ids {
  return { ...ids, data: ids.data.map((_, i) => f(ids.data, i)) };
}

/** The tiles whose flag is 1. */
function flagged({ dtype, shape: [, ...tile], data }: Floats, flags: BigInt64Array): Floats {
  const size = total(tile);
  const chosen = Array.from(flags, Number).flatMap((flag, i) => (flag === 1 ? [i] : []));
  const pixels = new Float32Array(chosen.length * size);
  for (const [to, from] of chosen.entries()) pixels.set(data.subarray(from * size, (from + 1) * size), to * size);
  return { dtype, shape: [chosen.length, ...tile], data: pixels };
}
