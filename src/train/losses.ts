/** What all objectives share: the shape of a batch, what a phase aims at, cross entropy, and which weights move. */
import { paramsOf } from "../graph/graph.ts";
import type { Shape } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";

/** Sizes of a packed batch, all static: tiles over all rows, rows, tokens a row. */
export interface BatchShape {
  tiles: number;
  rows: number;
  tokens: number;
}

/** Where the language model's visual tokens come from: the tower's tiles, or what is truly there, which needs no tower and is never wrong. */
export type Sight = "tiles" | "labels";

/** How much each loss counts; 0 leaves its part of the model out of the graph. */
export interface Aims {
  sight: Sight;
  /** The answers. */
  answer: number;
  /** That heads of the language model look where what it predicts is printed, as far as that is known. */
  look: number;
  /** What is seen on each patch. */
  dense: number;
  /** What each query of a Q-Former should say. */
  words: number;
  /** Whether every token of the answers counts the same, or one of x in an answer by 1/√x, so that long readings do not drown a short yes. */
  average: "token" | "square";
}

/** Cross entropy of the answers' tokens. Input: targets [b, t]. logits: [b, t, v], shares: of the phase's average → [1]. */
export const answerLoss = (logits: Tensor, shares?: Tensor): Tensor =>
  crossEntropy(logits, input("targets", logits.shape.slice(0, 2), "i64"), shares);

/** How much each token of the answers counts by an average; undefined where all count the same. [b, t]. */
export const sharesOf = (shape: Shape, average: Aims["average"]): Tensor | undefined =>
  average === "square" ? input("shares", shape) : undefined;

/** The weighted sum, which is minimised, and its parts by name. */
export interface Losses {
  loss: Tensor;
  parts: Readonly<Record<string, Tensor>>;
}

/** Mean of −log softmax(logits)[target] over targets ≥ 0, each weighted. logits: [..., v]; targets, weights: [...] → [1]. */
export function crossEntropy(logits: Tensor, targets: Tensor, weights?: Tensor): Tensor {
  const axes = [...targets.shape.keys()];
  const counted = targets.less(0).apply("not").cast("f32");
  const weight = weights ? counted.mul(weights) : counted;
  const nats = logits.apply("logSoftmax").pick(targets.max(0)).apply("neg");
  return nats.mul(weight).sum(axes).div(weight.sum(axes).max(1e-6)).reshape([1]);
}

/** The sum of parts, each as often as its weight says. */
export function weighted(parts: Losses["parts"], weights: Readonly<Record<string, number>>): Losses {
  const terms = Object.entries(parts).map(([name, part]) => part.mul(weights[name]));
  return { loss: terms.reduce((a, b) => a.add(b)), parts };
}

/** Whether a key begins with a pattern, in which * stands for anything. */
export function begins(key: string, pattern: string): boolean {
  const [first, ...rest] = pattern.split("*");
  let at = first.length;
  return (
    key.startsWith(first) &&
    rest.every((piece) => {
      const found = key.indexOf(piece, at);
      at = found + piece.length;
      return found >= 0;
    })
  );
}

/** The weights of a loss that a phase moves: those that begin as it says, all where it says nothing, but what is frozen. */
export function learningOf(
  loss: Tensor,
  { learns, frozen }: { learns?: readonly string[] | undefined; frozen: readonly string[] },
): Map<string, Tensor> {
  const some = (patterns: readonly string[], key: string): boolean => patterns.some((pattern) => begins(key, pattern));
  return new Map([...paramsOf({ loss })].filter(([key]) => !some(frozen, key) && (!learns || some(learns, key))));
}
