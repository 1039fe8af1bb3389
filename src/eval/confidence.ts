/** Fitting and showing how far answers are to be trusted. */
import type { Confidence } from "../models/multimodal.ts";
import { confidenceIn } from "../run/confidence.ts";

/** An answer: the log probability that the model gave it, and whether it was right. */
export interface Judged {
  readonly logP: number;
  readonly right: boolean;
}

/** Steps of Newton's method; it converges in fewer. */
const steps = 50;

/** Scale and bias under which the answers' being right is likeliest (logistic regression), by Newton's method. Platt's (1999) smoothed targets,
 *  (n₊ + 1) / (n₊ + 2) and 1 / (n₋ + 2), keep both finite where all answers are right or wrong. */
export function fitConfidence(answers: readonly Judged[]): Pick<Confidence, "scale" | "bias"> {
  const rights = answers.filter(({ right }) => right).length;
  const yes = (rights + 1) / (rights + 2);
  const no = 1 / (answers.length - rights + 2);
  let [scale, bias] = [0, 0];
  for (let step = 0; step < steps; step++) {
    // Gradient, and the Hessian with a little on its diagonal where all answers are alike.
    let [gs, gb, ss, sb, bb] = [0, 0, 1e-6, 0, 1e-6];
    for (const { logP, right } of answers) {
      const p = confidenceIn({ scale, bias }, logP);
      const [error, weight] = [p - (right ? yes : no), p * (1 - p)];
      gs += error * logP;
      gb += error;
      ss += weight * logP * logP;
      sb += weight * logP;
      bb += weight;
    }
    const determinant = ss * bb - sb * sb;
    scale -= (bb * gs - sb * gb) / determinant;
    bias -= (ss * gb - sb * gs) / determinant;
  }
  return { scale, bias };
}
