/** What training minimises: cross entropy of the answers, and beside it of the characters that the tower sees. */
import { input, type Tensor } from "../graph/tensor.ts";
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

export interface Losses {
  /** What is minimised. */
  total: Tensor;
  answer: Tensor;
  dense?: Tensor;
}

/** The losses of a packed batch. Inputs: pixels [n, 3, s, s], ids, targets, positions, segments [b, t], dense [n, patches] and keep
 *  [2·layers, n] for drop path. `denseWeight` 0 leaves the dense task and its head out. */
export function objective(
  w: Weights,
  c: MiniMonkeyConfig,
  shape: BatchShape,
  placeholder: number,
  denseWeight: number,
  answerWeight = 1,
): Losses {
  const s = c.force_image_size;
  const { tiles: n, rows: b, tokens: t } = shape;
  const pixels = input("pixels", [n, 3, s, s]);
  const keep = c.vision_config.drop_path_rate ? input("keep", [2 * c.vision_config.num_hidden_layers, n]) : undefined;
  const patches = patchFeatures(pixels, w, c, keep);
  const dense = denseWeight ? denseLoss(patches, w, n, (s / c.vision_config.patch_size) ** 2) : undefined;
  const ids = input("ids", [b, t], "i64");
  const features = visualTokens(patches, w, c).rearrange("n f d -> (n f) d");
  const x = merged(ids, features, placeholder, w, c);
  const pass = { positions: input("positions", [b, t], "i64"), segments: input("segments", [b, t], "i64") };
  const logits = head(internlm2(x, w.language_model, c.llm_config, pass).at(-1)!, w.language_model, c.llm_config);
  const answer = crossEntropy(logits, input("targets", [b, t], "i64"));
  const weighted = answerWeight === 1 ? answer : answer.mul(answerWeight);
  return { total: dense ? weighted.add(dense.mul(denseWeight)) : weighted, answer, ...(dense && { dense }) };
}

/** Each patch names the character whose centre lies in it. patches: [n, p, d] → [1]. */
function denseLoss(patches: Tensor, w: Weights, n: number, p: number): Tensor {
  const labels = input("dense", [n, p], "i64");
  const weights = labels.scalar(0).cast("f32").add(emptyWeight).where(labels.equal(0), labels.scalar(1).cast("f32"));
  return crossEntropy(linear(patches, w.dense_head, denseClasses), labels, weights);
}
