/** What training minimises: cross entropy of the answers, and beside it of the characters that the tower sees. */
import { contextOffsets } from "../data/dense.ts";
import { fixed } from "../graph/shape.ts";
import { constant, input, type Tensor } from "../graph/tensor.ts";
import { head, internlm2 } from "../models/internlm2.ts";
import { type MiniMonkeyConfig, merged, patchFeatures, visualTokens } from "../models/mini-monkey.ts";
import { linear } from "../nn/layers.ts";
import type { Weights } from "../weights/path.ts";

/** Sizes of a packed batch, all static: tiles over all rows, rows, tokens a row. */
export interface BatchShape {
  tiles: number;
  rows: number;
  tokens: number;
}

/** Characters of the dense task are ASCII codes; 0 is a patch without one. */
export const denseClasses = 128;

/** Weight of a patch without a character: most are, and they are easy. */
const emptyWeight = 0.1;

/** Mean of −log softmax(logits)[target] over targets ≥ 0, each weighted. logits: [..., v]; targets, weights: [...] → [1]. */
export function crossEntropy(logits: Tensor, targets: Tensor, weights?: Tensor): Tensor {
  const axes = [...targets.shape.keys()];
  const counted = targets.less(0).apply("not").cast("f32");
  const weight = weights ? counted.mul(weights) : counted;
  const nats = logits.apply("logSoftmax").pick(targets.max(0)).apply("neg");
  return nats.mul(weight).sum(axes).div(weight.sum(axes).max(1e-6)).reshape([1]);
}

/** How much each loss counts; 0 leaves its part of the model out of the graph. */
export interface LossWeights {
  answer: number;
  dense: number;
}

export interface Losses {
  /** The weighted sum, which is minimised. */
  loss: Tensor;
  answer?: Tensor;
  dense?: Tensor;
}

/** The losses of a packed batch. Inputs: pixels [n, 3, s, s]; for answers ids, targets, positions, segments [b, t]; for the dense task
 *  dense [n, patches, offsets] (data/dense.ts); keep [2·layers, n] where the configuration has drop path. */
export function objective(
  w: Weights,
  c: MiniMonkeyConfig,
  shape: BatchShape,
  placeholder: number,
  weight: LossWeights,
): Losses {
  const { force_image_size: s, vision_config: v } = c;
  const pixels = input("pixels", [shape.tiles, 3, s, s]);
  const keep = v.drop_path_rate ? input("keep", [2 * v.num_hidden_layers, shape.tiles]) : undefined;
  const patches = patchFeatures(pixels, w, c, keep);
  const features = visualTokens(patches, w, c);
  const answer = weight.answer ? answerLoss(features, w, c, shape, placeholder) : undefined;
  const dense = weight.dense ? denseLoss(patches, features, w, c) : undefined;
  const terms = [answer?.mul(weight.answer), dense?.mul(weight.dense)].filter((x) => x !== undefined);
  return { loss: terms.reduce((a, b) => a.add(b)), ...(answer && { answer }), ...(dense && { dense }) };
}

/** Cross entropy of the answers' tokens. features: [n, f, d] → [1]. */
function answerLoss(
  features: Tensor,
  w: Weights,
  c: MiniMonkeyConfig,
  { rows, tokens }: BatchShape,
  placeholder: number,
): Tensor {
  const given = (name: string): Tensor => input(name, [rows, tokens], "i64");
  const x = merged(given("ids"), features.rearrange("n f d -> (n f) d"), placeholder, w, c);
  const pass = { positions: given("positions"), segments: given("segments") };
  const last = internlm2(x, w.language_model, c.llm_config, pass).at(-1)!;
  return crossEntropy(head(last, w.language_model, c.llm_config), given("targets"));
}

/** Each patch names the character whose centre lies in it, by linear heads that are dropped afterwards: from the tower's own feature, and
 *  from the visual token it was folded into, so that the connector passes on what the tower sees. The token also names the
 *  characters two and one before and after in the text: to read on, the language model then needs to find what it read last, once.
 *  patches: [n, p, d], features: [n, f, d'] → [1]. */
function denseLoss(patches: Tensor, features: Tensor, w: Weights, c: MiniMonkeyConfig): Tensor {
  const r = 1 / c.downsample_ratio;
  const side = c.force_image_size / c.vision_config.patch_size;
  const k = contextOffsets.length;
  const labels = input("dense", [fixed(features.shape[0], "dense"), side * side, k], "i64");
  const [own, around] = [labels.slice(2, 0, 1).rearrange("n p 1 -> n p"), labels.slice(2, 1, k)];
  const folded = (head: Weights, m: number): Tensor =>
    linear(features, head, r * r * m * denseClasses)
      .rearrange("n f (q v) -> n f q v", { v: m * denseClasses })
      .rearrange("n (y x) (i j) v -> n (y i x j) v", { y: side / r, i: r });
  const weights = constant([emptyWeight], []).where(own.equal(0), 1);
  const ofPatch = crossEntropy(linear(patches, w.dense_head.patch, denseClasses), own, weights);
  const ofToken = crossEntropy(folded(w.dense_head.token, 1), own, weights);
  const ofContext = crossEntropy(
    folded(w.dense_head.context, k - 1).rearrange("n p (m v) -> n p m v", { v: denseClasses }),
    around,
  );
  return ofPatch.add(ofToken).add(ofContext).div(3);
}
