/** What training minimises: cross entropy of the answers, and beside it that the tower names the characters it sees. */
import { before, slots } from "../data/dense.ts";
import { constant, input, iota, type Tensor } from "../graph/tensor.ts";
import { type Cache, nothing } from "../models/cache.ts";
import { languageModel, located, type MiniMonkeyConfig, patchFeatures, visualTokens } from "../models/mini-monkey.ts";
import { merged } from "../models/text-model.ts";
import { bias, causal, sameSegment, scores } from "../nn/attention.ts";
import { linear, project } from "../nn/layers.ts";
import { param, type Weights } from "../weights/path.ts";
import { type Aims, answerLoss, type BatchShape, crossEntropy, type Losses, sharesOf, weighted } from "./losses.ts";

/** Characters of the dense task are ASCII codes; 0 is a place without one. */
export const denseClasses = 128;

/** Length of the vector that stands for a character. */
const codeWidth = 64;

/** Weight of a place without a character: most are, and they are easy. */
const emptyWeight = 0.1;

/** Weights of the codes of characters: they learn while codes stand for the image, and are the tower's aim afterwards. */
export const codesKey = "dense_head.codes";

/** The losses of a packed batch. Inputs: pixels [n, 3, s, s] unless labels stand for them; for answers ids, targets, looks, positions, segments and shares [b, t] and before [b, t, before];
 *  dense [n, patches, slots] (data/dense.ts); cells [n, 3] where the configuration tells places; keep [2·layers, n] where the configuration has drop path. */
export function objective(w: Weights, c: MiniMonkeyConfig, shape: BatchShape, placeholder: number, aims: Aims): Losses {
  const { force_image_size: s, vision_config: v } = c;
  const labels = input("dense", [shape.tiles, (s / v.patch_size) ** 2, slots], "i64");
  const cells = input("cells", [shape.tiles, 3], "i64");
  const { sight, answer, look, dense } = aims;
  const answers = (features: Tensor): Losses["parts"] =>
    answerLosses(located(features, w, c, cells), w, c, shape, placeholder, aims);
  if (sight === "labels") return weighted(answers(codes(labels, w, c)), { answer, look, before: answer });
  const pixels = input("pixels", [shape.tiles, 3, s, s]);
  const keep = v.drop_path_rate ? input("keep", [2 * v.num_hidden_layers, shape.tiles]) : undefined;
  const patches = patchFeatures(pixels, w, c, keep);
  const features = visualTokens(patches, w, c);
  const parts = {
    ...(answer && answers(features)),
    ...(dense && { glyphs: glyphLoss(patches, labels, w), codes: codeLoss(features, labels, w, c) }),
  };
  return weighted(parts, { answer, look, before: answer, glyphs: dense, codes: dense });
}

/** Cross entropy of the answers' tokens; and after the first layer each visual token names the characters printed before it. To read on, a later layer
 *  looks for the place where what was said last stands before: without being asked, the first layer learns to carry that very late. Where it looks can
 *  be taught, too: the last head of each layer from the middle on looks at the visual token that shows what comes next; a later one knows more.
 *  features: [n, f, d] → [1] each. */
function answerLosses(
  features: Tensor,
  w: Weights,
  c: MiniMonkeyConfig,
  { rows, tokens }: BatchShape,
  placeholder: number,
  { average, look }: Aims,
): Losses["parts"] {
  const given = (name: string): Tensor => input(name, [rows, tokens], "i64");
  const x = merged(given("ids"), features.rearrange("n f d -> (n f) d"), placeholder, languageModel(w, c));
  const { cache, heads } = watched();
  const segments = given("segments");
  const shares = sharesOf([rows, tokens], average);
  const model = languageModel(w, c);
  const states = model.states(x, { positions: given("positions"), segments, cache });
  const said = linear(states[1], w.dense_head.before, before * denseClasses);
  return {
    answer: answerLoss(model.head(states.at(-1)!), shares),
    ...(look && { look: lookLoss(heads.slice(heads.length >> 1), segments, shares) }),
    before: crossEntropy(
      said.rearrange("b t (k v) -> b t k v", { k: before }),
      input("before", [rows, tokens, before], "i64"),
    ),
  };
}

/** Mean over layers of the cross entropy of where their last heads look. heads: [b, k, r, t, e] and [b, k, 1, t, e] each, segments: [b, t] → [1]. */
function lookLoss(heads: readonly Watched[], segments: Tensor, shares?: Tensor): Tensor {
  const looks = input("looks", segments.shape, "i64");
  const losses = heads.map((head) => crossEntropy(looking(head, segments), looks, shares));
  return losses.reduce((a, b) => a.add(b)).div(losses.length);
}

/** The turned queries and keys of a layer that attended. */
type Watched = readonly [q: Tensor, keys: Tensor];

/** No cache, and the turned queries and keys of every layer that attended so. */
function watched(): { cache: Cache; heads: Watched[] } {
  const heads: Watched[] = [];
  const attending: Cache["attending"] = (t, segments) => {
    const attend = nothing.attending(t, segments);
    return (q, keys, values) => {
      heads.push([q, keys]);
      return attend(q, keys, values);
    };
  };
  return { cache: { ...nothing, attending }, heads };
}

/** Scores of a layer's last head: where it looks is their softmax. q: [b, k, r, t, e], keys: [b, k, 1, t, e], segments: [b, t] → [b, t, t]. */
function looking([q, keys]: Watched, segments: Tensor): Tensor {
  const [b, k, r, t, e] = q.shape as number[];
  const of = (x: Tensor, head: number): Tensor =>
    x
      .slice(1, k - 1, k)
      .slice(2, head, head + 1)
      .reshape([b, t, e]);
  const visible = sameSegment(segments, segments).and(causal(iota(t), t));
  return scores(of(q, r - 1), of(keys, 0), bias(visible));
}

/** Each patch names the characters whose centres lie in it, by a linear head that is dropped afterwards. patches: [n, p, d], labels: [n, p, slots] → [1]. */
function glyphLoss(patches: Tensor, labels: Tensor, w: Weights): Tensor {
  const logits = linear(patches, w.dense_head.patch, slots * denseClasses);
  const weights = constant([emptyWeight], []).where(labels.equal(0), 1);
  return crossEntropy(logits.rearrange("n p (k v) -> n p k v", { k: slots }), labels, weights);
}

/** What a visual token would be if it said which characters stand on its patches, and no more: a learned vector of each character, those of all
 *  places side by side, projected; an empty place adds nothing. Without biases in the language model, its heads need something that all tokens
 *  share to attend by distance alone: the bias. labels: [n, p, slots] → [n, f, d]. */
function codes(labels: Tensor, w: Weights, c: MiniMonkeyConfig): Tensor {
  const r = 1 / c.downsample_ratio;
  const side = c.force_image_size / c.vision_config.patch_size;
  const folded = labels.rearrange("n (y i x j) k -> n (y x) (i j k) 1", { y: side / r, i: r, x: side / r, j: r });
  const hot = folded.equal(iota(denseClasses - 1).add(1)).cast("f32");
  const table = param(w.dense_head.codes.characters, [denseClasses - 1, codeWidth], { deviation: 1 });
  const d = c.llm_config.hidden_size;
  const shared = param(w.dense_head.codes.shared, [d], { deviation: 0.3 });
  return project(hot.matmul(table).rearrange("n f q e -> n f (q e)"), w.dense_head.codes, d).add(shared);
}

/** How far visual tokens are from those codes, as a share of the codes' own square: an unsure tower does best with the mean of the codes it
 *  holds possible. Tiles too small to be read ask nothing. features: [n, f, d], labels: [n, p, slots] → [1]. */
function codeLoss(features: Tensor, labels: Tensor, w: Weights, c: MiniMonkeyConfig): Tensor {
  const aim = codes(labels, w, c);
  const asked = labels.maximum([1, 2]).less(0).apply("not").cast("f32");
  const total = (x: Tensor): Tensor => x.mul(x).mul(asked).sum([0, 1, 2]).reshape([1]);
  return total(features.sub(aim)).div(total(aim).max(1e-6));
}
