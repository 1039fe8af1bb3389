/** What a TinyGPT-V minimises on drawn scenes: cross entropy of the answers; and while its parts are made, that patches name what stands on
 *  them and that each query of the Q-Former says its word of the scene's description. */

import { mostThings } from "../data/scene.ts";
import { colourNames, thingKinds } from "../data/things.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { merged, type TextModel } from "../models/text-model.ts";
import { type TinyGptVFolder, tinyGptLanguageModel, tinyGptSight } from "../models/tinygpt-v.ts";
import { linear } from "../nn/layers.ts";
import type { Weights } from "../weights/path.ts";
import { type Aims, answerLoss, type BatchShape, crossEntropy, type Losses, sharesOf, weighted } from "./losses.ts";
import { patchesOf, patchFacts } from "./scene-sample.ts";

/** Weight of a patch on which nothing stands: most are such, and they are easy. */
const emptyWeight = 0.3;

/** A hundredth of an image's side is a small number: edges count so much more. */
const edgeWeight = 10;

/** The losses of a packed batch. Inputs: words [n, q] (data/scene-talk.ts); pixels [n, 3, s, s] unless words stand for them; patches
 *  [n, p, facts] (scene-sample.ts); ids, targets, positions, segments and shares [b, t]. */
export function sceneObjective(
  w: Weights,
  c: TinyGptVFolder,
  shape: BatchShape,
  placeholder: number,
  { sight, answer, dense, words, average }: Aims,
): Losses {
  const model = tinyGptLanguageModel(w, c);
  const answersLoss = (features: Tensor): Tensor =>
    answerLoss(answerLogits(features, model, shape, placeholder), sharesOf([shape.rows, shape.tokens], average));
  const said = input("words", [shape.tiles, c.qformer.query_length], "i64");
  if (sight === "labels") return weighted({ answer: answersLoss(model.embed(said)) }, { answer });
  const { features, queries, tokens } = tinyGptSight(
    input("pixels", [shape.tiles, 3, c.image_size, c.image_size]),
    w,
    c,
  );
  const parts = {
    ...(answer && { answer: answersLoss(tokens) }),
    ...(dense && patchLosses(features.slice(1, 1, 1 + patchesOf(c)), w, c)),
    ...(words && { words: crossEntropy(linear(queries, w.dense_head.words, c.llm.vocab_size), said) }),
  };
  return weighted(parts, {
    answer,
    words,
    kinds: dense,
    colours: dense,
    ranks: dense,
    edges: edgeWeight * dense,
  });
}

/** features: [n, q, d] → [b, t, v]. */
function answerLogits(features: Tensor, model: TextModel, { rows, tokens }: BatchShape, placeholder: number): Tensor {
  const given = (name: string): Tensor => input(name, [rows, tokens], "i64");
  const x = merged(given("ids"), features.rearrange("n q d -> (n q) d"), placeholder, model);
  const states = model.states(x, { positions: given("positions"), segments: given("segments") });
  return model.head(states.at(-1)!);
}

/** By linear heads that are dropped afterwards, each patch names the thing that stands on it, its colour, its place from the left, and where its
 *  edges are, in parts of the sides. features: [n, p, d]. */
function patchLosses(
  features: Tensor,
  w: Weights,
  c: TinyGptVFolder,
): Record<"kinds" | "colours" | "ranks" | "edges", Tensor> {
  const [n, p] = features.shape as number[];
  const facts = input("patches", [n, patchesOf(c), patchFacts], "i64");
  const fact = (i: number): Tensor => facts.slice(2, i, i + 1).reshape([n, p]);
  const named = (head: Weights, classes: number): Tensor => linear(features, head, classes);
  const kind = fact(0);
  const there = kind.equal(0).apply("not").cast("f32");
  const weights = there.mul(1 - emptyWeight).add(emptyWeight);
  const off = linear(features, w.dense_head.edges, 4).sub(facts.slice(2, 3, patchFacts).cast("f32").div(100));
  const square = off.mul(off).sum([-1]).reshape([n, p]).mul(there);
  return {
    kinds: crossEntropy(named(w.dense_head.kinds, thingKinds.length + 1), kind, weights),
    colours: crossEntropy(named(w.dense_head.colours, colourNames.length), fact(1), weights),
    ranks: crossEntropy(named(w.dense_head.ranks, mostThings), fact(2)),
    edges: square
      .sum([0, 1])
      .div(there.sum([0, 1]).max(1e-6))
      .reshape([1]),
  };
}
