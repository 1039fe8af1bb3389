/** Choosing the next token from its logits. */
import { Random } from "../data/random.ts";
import { EngineError, RequestError } from "../errors.ts";

/** How a token is chosen. */
export interface SampleOptions {
  /** Divides the logits; 0 takes the most likely token. From 0 to 100, default 0. */
  readonly temperature?: number | undefined;
  /** Only the k most likely tokens; 0 is all. Default 0. */
  readonly topK?: number | undefined;
  /** Only the smallest set of likely tokens whose probabilities sum to at least this (Holtzman 2019), counted within
   *  the top k. Above 0, at most 1, default 1. */
  readonly topP?: number | undefined;
  /** Logits of tokens already in the answer are divided by this where positive and multiplied where negative (Keskar
   *  2019); from 0.01 to 100, default 1: none. */
  readonly repetitionPenalty?: number | undefined;
  /** The same seed, logits and options give the same tokens. Without one, every sampler draws differently. */
  readonly seed?: number | undefined;
}

/** A chosen token; `probability` is its softmax probability under the logits as the model gave them. */
interface Sample {
  readonly id: number;
  readonly probability: number;
}

/** Chooses the next token. logits: [v], left as they are; previous: ids of the answer so far. Throws EngineError for
 *  logits that hold NaN or nothing finite. */
export type Sampler = (logits: Float32Array, previous: readonly number[]) => Sample;

/** A sampler: penalty, then temperature, then top k, then top p, then a draw. Equal logits resolve to the lowest id.
 *  Throws RequestError naming the option, what was found and what is allowed. */
export function sampler(options: SampleOptions = {}): Sampler {
  const { temperature = 0, topK = 0, topP = 1, repetitionPenalty = 1 } = options;
  const { seed = Math.floor(Math.random() * 2 ** 53) } = options;
  check("temperature", temperature, temperature >= 0 && temperature <= 100, "a number from 0 to 100");
  check("top_k", topK, Number.isSafeInteger(topK) && topK >= 0, "a whole number from 0, where 0 is all");
  check("top_p", topP, topP > 0 && topP <= 1, "a number above 0, at most 1");
  const allowed = repetitionPenalty >= 0.01 && repetitionPenalty <= 100;
  check("repetition_penalty", repetitionPenalty, allowed, "a number from 0.01 to 100");
  const seeds = `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`;
  check("seed", seed, Number.isSafeInteger(seed) && seed >= 0, seeds);
  const draws = new Random("answer", seed);
  return (logits, previous) => {
    const max = largest(logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0);
    if (Number.isNaN(total)) throw new EngineError("the logits hold NaN; expected numbers: check the weights");
    const scores = penalised(logits, previous, repetitionPenalty);
    const id = temperature === 0 ? argmax(scores) : drawn(scores, temperature, topK, topP, draws.real());
    return { id, probability: Math.exp(logits[id]! - max) / total };
  };
}

function check(name: string, value: number, allowed: boolean, range: string): void {
  if (!allowed) throw new RequestError(`${name} is ${value}; expected ${range}`);
}

/** First position of the largest value. */
function argmax(values: Float32Array): number {
  let best = 0;
  for (let id = 1; id < values.length; id++) if (values[id]! > values[best]!) best = id;
  return best;
}

/** The largest logit. Throws where a softmax would have no value. */
function largest(logits: Float32Array): number {
  const max = logits[argmax(logits)];
  if (max === undefined || !Number.isFinite(max))
    throw new EngineError(
      `the largest of ${logits.length} logits is ${max}; expected a finite number: check the weights`,
    );
  return max;
}

function penalised(logits: Float32Array, previous: readonly number[], penalty: number): Float32Array {
  if (penalty === 1 || previous.length === 0) return logits;
  const scores = logits.slice();
  for (const id of new Set(previous)) {
    const logit = logits[id];
    if (logit !== undefined) scores[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
  return scores;
}

/** The id at which the summed probabilities pass `point`, a uniform number in [0, 1). */
function drawn(scores: Float32Array, temperature: number, topK: number, topP: number, point: number): number {
  const max = largest(scores);
  const masses = new Float64Array(scores.length);
  for (let id = 0; id < scores.length; id++) masses[id] = Math.exp((scores[id]! - max) / temperature);
  if (topK === 0 && topP === 1) return passing(masses, point);
  const kept = likeliest(scores, masses, topK, topP);
  return kept[
    passing(
      Float64Array.from(kept, (id) => masses[id]!),
      point,
    )
  ]!;
}

/** First position where the running sum exceeds `point` of the whole sum; never one of mass 0. */
function passing(masses: Float64Array, point: number): number {
  let left = point * masses.reduce((sum, mass) => sum + mass, 0);
  let last = 0;
  for (let i = 0; i < masses.length; i++) {
    if (masses[i] === 0) continue;
    last = i;
    if ((left -= masses[i]!) < 0) break;
  }
  return last;
}

/** Ids of the top k, cut to the smallest set that holds topP of their mass; likeliest first, then lowest id. A whole
 *  vocabulary is too long to sort for every token, so only the ids within e^-8, e^-16, ... of the largest mass are
 *  sorted, until they are enough to decide. */
function likeliest(scores: Float32Array, masses: Float64Array, topK: number, topP: number): number[] {
  const k = topK === 0 ? masses.length : Math.min(topK, masses.length);
  const all = masses.reduce((sum, mass) => sum + mass, 0);
  for (let depth = 8; ; depth *= 2) {
    const floor = Math.exp(-depth); // 0 from depth 746 on: then every id is in
    const ids: number[] = [];
    let mass = 0;
    for (let id = 0; id < masses.length; id++) {
      if (masses[id]! < floor) continue;
      ids.push(id);
      mass += masses[id]!;
    }
    const enough = ids.length >= k || (topK === 0 && mass >= topP * all);
    if (!enough && floor > 0) continue;
    const top = ids.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, k);
    return nucleus(top, masses, topP * (topK === 0 ? all : top.reduce((sum, id) => sum + masses[id]!, 0)));
  }
}

/** The shortest beginning of `ids` whose masses sum to at least `needed`. */
function nucleus(ids: readonly number[], masses: Float64Array, needed: number): number[] {
  let sum = 0;
  const end = ids.findIndex((id) => (sum += masses[id]!) >= needed);
  return end === -1 ? [...ids] : ids.slice(0, end + 1);
}
