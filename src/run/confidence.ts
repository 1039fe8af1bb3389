/** How far an answer is to be trusted, and saying so instead of inventing. */
import type { Confidence } from "../models/multimodal.ts";
import type { Generated, Said } from "./generate.ts";

/** What is answered where the model does not trust its own answer. */
export const unreadable = "I cannot read that.";

/** Characters up to which an answer may be taken back: a field, a number, a word. */
const short = 48;

/** What asks for a text, of which a part is right, not for one answer, which is right or invented. */
const readings = /^\s*(read\b|transcribe\b|what does\b.*\bsay\b)/i;

/** The natural logarithm of the probability of an answer: Σ log p over its tokens. */
export const logProbability = (probabilities: readonly number[]): number =>
  probabilities.reduce((sum, p) => sum + Math.log(Math.max(p, 1e-12)), 0);

/** Their mean, null of none. */
export const meanProbability = (probabilities: readonly number[]): number | null =>
  probabilities.length ? probabilities.reduce((sum, p) => sum + p, 0) / probabilities.length : null;

/** The probability that a whole answer is right: 1 / (1 + e^−(scale · log p + bias)) (Platt 1999), of the log probability that the model gave it. */
export const confidenceIn = ({ scale, bias }: Pick<Confidence, "scale" | "bias">, logP: number): number =>
  1 / (1 + Math.exp(-(scale * logP + bias)));

/** That probability, or the answer's own where the model was never fitted to tell. */
export const trustIn = (confidence: Confidence | undefined, logP: number): number =>
  confidence ? confidenceIn(confidence, logP) : Math.exp(logP);

/** From here on an answer is trusted enough that no other look is taken. */
const enough = 0.8;

/** Whether an answer of that confidence is given as it is. */
export const sure = (trust: number, { least }: Confidence): boolean => trust >= Math.max(enough, least);

/** The pieces of an answer. A short one is shown only once it is whole, and trusted; otherwise it is returned beside what was generated. A text that is read aloud
 *  is shown as it comes. */
export async function* trusted(
  pieces: AsyncGenerator<Said, Generated>,
  question: string,
  confidence: Confidence | undefined,
): AsyncGenerator<Said, { made: Generated; withheld?: Said }> {
  let held: Said | undefined = confidence && !readings.test(question) ? { text: "" } : undefined;
  try {
    let step = await pieces.next();
    for (; !step.done; step = await pieces.next()) {
      if (held === undefined) {
        yield step.value;
        continue;
      }
      held = joined(held, step.value);
      if (held.text.length <= short) continue;
      yield held;
      held = undefined;
    }
    const made = step.value;
    if (held === undefined) return { made };
    if (!sure(confidenceIn(confidence!, logProbability(made.probabilities)), confidence!))
      return { made, withheld: held };
    if (held.text) yield held;
    return { made };
  } finally {
    // Whoever stops listening ends the answer.
    await pieces.return(undefined as never);
  }
}

/** What was said, one after the other. */
export const joined = (before: Said, { text, logprobs }: Said): Said => ({
  text: before.text + text,
  ...(logprobs && { logprobs: [...(before.logprobs ?? []), ...logprobs] }),
});
