/** How likely the tokens of an answer were, and which others might have stood in their place. */
import { RequestError } from "../errors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** A token under the model's own logits. `bytes`: null for a special token. */
interface Likely {
  readonly token: string;
  /** Natural logarithm of its probability. */
  readonly logprob: number;
  readonly bytes: readonly number[] | null;
}

/** A token of an answer with the likeliest in its place, in OpenAI's form. */
export interface TokenLogprob extends Likely {
  readonly top_logprobs: readonly Likely[];
}

/** Most that are told of. */
const most = 20;

/** Throws RequestError for a number of likeliest tokens out of range. */
export function checkTop(top = 0): void {
  if (Number.isInteger(top) && top >= 0 && top <= most) return;
  throw new RequestError(`top_logprobs is ${top}; expected a whole number from 0 to ${most}`);
}

/** The token `id` and the `top` likeliest, of equals the lowest id first. logits: [v]. */
export function logprobOf(tokenizer: Tokenizer, logits: Float32Array, id: number, top: number): TokenLogprob {
  const max = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const logTotal = max + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
  const likely = (id: number): Likely => {
    const bytes = [...tokenizer.bytes(id)];
    return { token: tokenizer.spelled([id]), logprob: logits[id] - logTotal, bytes: bytes.length ? bytes : null };
  };
  return { ...likely(id), top_logprobs: likeliest(logits, top).map(likely) };
}

/** Ids of the largest logits, largest first. */
function likeliest(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && !(count && logits[id] > logits[best[count - 1]])) continue;
    const after = best.findIndex((other) => logits[other] < logits[id]);
    best.splice(after === -1 ? best.length : after, 0, id);
    best.length = Math.min(best.length, count);
  }
  return best;
}
