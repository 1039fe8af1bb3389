/** The loop that writes an answer: a token is chosen, turned into text, and given back to the model. */
import { RequestError } from "../errors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { workedStream } from "../text/worked.ts";
import type { Guide } from "./grammar.ts";
import { checkTop, logprobOf, type TokenLogprob } from "./logprobs.ts";
import { loopGuard } from "./loop.ts";
import { type SampleOptions, sampler } from "./sample.ts";
import { stopStream, trimStream, utf8Stream } from "./stream.ts";

/** What a prompt must have for any model; a multimodal one adds its images. */
export interface Prompt {
  readonly ids: readonly number[];
}

/** A model with a cache: `prefill` reads the prompt, before which there is nothing, until a signal is aborted, `step` reads one more token. Both return the logits of the last
 *  position, [v]. */
export interface LanguageModel<P extends Prompt = Prompt> {
  prefill(prompt: P, signal?: AbortSignal): Promise<Float32Array>;
  step(id: number): Promise<Float32Array>;
}

/** How an answer is written, and when it ends. */
export interface GenerateOptions extends SampleOptions {
  /** Most tokens of an answer; a whole number from 0. */
  readonly maxTokens: number;
  /** Ids that end the answer and are no part of it. */
  readonly stopIds: readonly number[];
  /** Strings that end the answer and are no part of it. */
  readonly stop?: readonly string[] | undefined;
  /** How many likely tokens are told beside each; none is told where it is absent. */
  readonly topLogprobs?: number | undefined;
  /** What the answer is held to; it ends where the guide lets nothing follow, or the model wants no more where it may end. */
  readonly guide?: Guide | undefined;
  /** Ends the answer within one token: the generator throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The next words of an answer, and where they are asked for the likelihoods of the tokens since the words before. */
export interface Said {
  readonly text: string;
  readonly logprobs?: readonly TokenLogprob[];
}

/** A finished answer. */
export interface Generated {
  /** The pieces joined: the text without outer white space. */
  readonly answer: string;
  /** What the model read off the page first (text/worked.ts). */
  readonly shown: readonly string[];
  /** "stop": an id or string of the options; "length": maxTokens; "loop": the model repeats itself without end. */
  readonly finishReason: "stop" | "length" | "loop";
  /** Ids of the answer, without the one that ended it. */
  readonly ids: number[];
  /** Softmax probability of each id under the model's own logits; with a guide, among the ids that it allows. */
  readonly probabilities: number[];
  /** Each id, where `topLogprobs` asks for it. */
  readonly logprobs: TokenLogprob[];
  readonly promptTokens: number;
  /** Milliseconds in which the prompt was read. */
  readonly prefillMs: number;
  /** Milliseconds of everything after that, without the time in which the caller held the pieces. */
  readonly decodeMs: number;
}

/** Writes the answer to a prompt: yields pieces of text as soon as they are certain, which never split a character, and
 *  returns the whole. The repetition penalty looks at the answer, not the prompt. Throws RequestError for options out of
 *  range. */
export async function* generate<P extends Prompt>(
  model: LanguageModel<P>,
  prompt: P,
  tokenizer: Tokenizer,
  options: GenerateOptions,
): AsyncGenerator<Said, Generated> {
  const { maxTokens, stopIds, stop = [], topLogprobs, guide, signal } = options;
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 0)
    throw new RequestError(`max_tokens is ${maxTokens}; expected a whole number from 0`);
  if (stop.includes("")) throw new RequestError('stop holds ""; expected strings of at least one character');
  checkTop(topLogprobs);
  const choose = sampler(options);
  const text = textStream(tokenizer, stop);
  const loops = loopGuard();
  const ids: number[] = [];
  const probabilities: number[] = [];
  const logprobs: TokenLogprob[] = [];
  let told = 0;
  const spent = { prefillMs: 0, decodeMs: 0 };
  const record = (finishReason: Generated["finishReason"]): Generated => {
    const promptTokens = prompt.ids.length;
    return {
      answer: text.all(),
      shown: text.shown(),
      finishReason,
      ids,
      probabilities,
      logprobs,
      promptTokens,
      ...spent,
    };
  };

  signal?.throwIfAborted();
  if (maxTokens === 0) return record("length");
  let begun = performance.now();
  let logits = await model.prefill(prompt, signal);
  spent.prefillMs = performance.now() - begun;
  for (;;) {
    signal?.throwIfAborted();
    begun = performance.now();
    const { id, probability } = choose(guide ? guide.masked(logits) : logits, ids);
    const ended = stopIds.includes(id);
    if (!ended) {
      ids.push(id);
      probabilities.push(probability);
      if (topLogprobs !== undefined) logprobs.push(logprobOf(tokenizer, logits, id, topLogprobs));
      text.push(id);
    }
    const complete = !ended && guide !== undefined && guide.accept(id);
    const loop = !ended && guide?.most === undefined && loops(id);
    const finishReason =
      ended || complete || text.stopped() ? "stop" : loop ? "loop" : ids.length === maxTokens ? "length" : undefined;
    const piece = text.take(finishReason !== undefined);
    spent.decodeMs += performance.now() - begun;
    if (piece !== "") {
      yield { text: piece, ...(topLogprobs !== undefined && { logprobs: logprobs.slice(told) }) };
      told = logprobs.length;
    }
    if (finishReason) return record(finishReason);
    signal?.throwIfAborted();
    begun = performance.now();
    logits = await model.step(id);
    spent.decodeMs += performance.now() - begun;
  }
}

interface TextStream {
  push(id: number): void;
  /** The text that has become certain since the last call; all that is left when it is the last. */
  take(last: boolean): string;
  all(): string;
  shown(): readonly string[];
  stopped(): boolean;
}

/** Ids to text: bytes to characters, those behind what was read first, to the text before a stop string, that text to one without outer space. */
function textStream(tokenizer: Tokenizer, stop: readonly string[]): TextStream {
  const characters = utf8Stream();
  const work = workedStream();
  const stops = stopStream(stop);
  const trim = trimStream();
  let taken = "";
  let ready = "";
  return {
    push: (id) => {
      ready += trim.push(stops.push(work.push(characters.push(tokenizer.bytes(id)))));
    },
    take: (last) => {
      if (last) ready += trim.push(stops.push(work.push(characters.flush())) + stops.flush());
      const piece = ready;
      taken += piece;
      ready = "";
      return piece;
    },
    all: () => taken,
    shown: () => work.shown,
    stopped: () => stops.stopped,
  };
}
