/** What is asked of a model and what comes back: plain data that crosses threads. */
import type { PhraseBox } from "../text/boxes.ts";
import type { TaskOptions } from "../text/tasks.ts";
import type { Message } from "../text/template.ts";
import type { Grid } from "../vision/grids.ts";
import type { Layer } from "../vision/tilings.ts";
import type { Generated, Said } from "./generate.ts";
import type { NamedImage } from "./images.ts";
import type { TokenLogprob } from "./logprobs.ts";
import type { SampleOptions } from "./sample.ts";

/** A conversation whose `<image>`s are these images, in order. */
export interface Question {
  readonly images: readonly NamedImage[];
  readonly messages: readonly Message[];
}

/** How images are seen: `tiles` is a tile spec, and then the only look (run/again.ts), `scm` the share of detailed tokens that SCM keeps; `compress` names this or another method and its share
 *  (methods.ts), and stands in its place. Default: config.json's own. */
export interface SightOptions {
  readonly tiles?: string | undefined;
  readonly scm?: number | "off" | undefined;
  readonly compress?: string | undefined;
  /** Leaves out tiles that hold nothing, unless all do. Default: false. */
  readonly skipBlank?: boolean | undefined;
}

/** How one answer is made; `task` puts the question as the model was trained on it. */
export interface AnswerOptions extends SampleOptions, SightOptions, TaskOptions {
  /** Most tokens of the answer. Default: config.json's max_new_tokens, else 512; never more than the model can read. */
  readonly maxTokens?: number | undefined;
  /** Strings that end the answer and are no part of it. */
  readonly stop?: readonly string[] | undefined;
  /** A JSON Schema that the answer is held to (text/schema.ts): it is JSON of that schema, unless it was cut. */
  readonly schema?: object | undefined;
  /** Also tells where the tiles lie: in a piece without text once they are cut, in another once some of their tokens are dropped, and in the record. */
  readonly cells?: boolean | undefined;
  /** Also tells how likely each token was, and so many others in its place; from 0 to 20. */
  readonly topLogprobs?: number | undefined;
}

/** A piece of an answer: its next words, or, where `cells` are asked for, how its images are seen. */
export interface Piece extends Said {
  readonly images?: readonly SeenImage[];
}

/** The part of an image that was one tile, in pixels of the image. */
export interface Cell {
  readonly layer: Layer;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Width and height of the whole tile, of which the image need not fill all. */
  readonly span: readonly [width: number, height: number];
  /** Columns and rows of the tile's visual tokens; [n, 1] where they have no places in it. */
  readonly tokens: Grid;
  /** Those that compression kept, row after row from 0; null is all. */
  readonly kept: readonly number[] | null;
}

/** How an image was seen: `scale` is the linear scale at which the finest grid sees it, below 1 detail was lost. */
export interface SeenImage {
  readonly source: string;
  readonly width: number;
  readonly height: number;
  readonly scale: number;
  readonly tiles: { readonly detailed: Grid; readonly adaptive: Grid | null; readonly global: boolean };
  /** Its tiles in the order in which the model reads them, where they are asked for. */
  readonly cells?: readonly Cell[];
}

/** A value in an answer that was held to a schema; `path` is its JSON Pointer (RFC 6901). */
export interface Field {
  readonly path: string;
  readonly value: string | number | boolean | null;
  /** The product of the probabilities of the tokens that spell it, each among those that the schema allows in its place, and of the one that ends a number.
   *  Asked field by field, it is what config.json's `confidence` makes of that product, 0 of an answer that was cut because it did not end; beside null, of the answer in
   *  whose place null stands. */
  readonly confidence: number;
}

/** A finished answer, as `galago ask --json` prints it. */
export interface AnswerRecord {
  readonly model: string;
  readonly question: string;
  /** The pieces joined; where a family's marks are plain text, what is the answer in them (`replyOf`). */
  readonly answer: string;
  /** What the model read off the page to answer from, in order; none where it answered at once. */
  readonly shown: readonly string[];
  /** The boxes that the answer holds, in pixels of the image; none where it was not about exactly one. */
  readonly boxes: readonly PhraseBox[];
  readonly finish_reason: Generated["finishReason"];
  /** The values of an answer held to a schema; null without one, and where the answer was cut and is no JSON. */
  readonly fields: readonly Field[] | null;
  /** Mean probability of the answer's tokens, null when it has none. */
  readonly probability: number | null;
  /** Natural logarithm of the probability of the answer as a whole, 0 when it has no tokens. */
  readonly log_probability: number;
  /** Each token, where `topLogprobs` asks for it, of what the model said: of the guess where that is held back. */
  readonly logprobs?: readonly TokenLogprob[];
  /** The probability that the whole answer is right; null for a model that was never fitted to tell (config.json: `confidence`), and with a schema, whose
   *  fields have their own. */
  readonly confidence: number | null;
  /** What the model would have answered where it says that it cannot read it, else null. */
  readonly guess: string | null;
  readonly images: readonly SeenImage[];
  /** Of the look that counts (run/again.ts). `prompt_tokens` are those of the language model, after compression; `cached_tokens` of them it had read for the answer before. */
  readonly usage: {
    readonly prompt_tokens: number;
    readonly cached_tokens: number;
    readonly visual_tokens: number;
    readonly visual_tokens_kept: number;
    readonly completion_tokens: number;
  };
  /** Of all looks. `load` is 0 from the second answer of a loaded model on. */
  readonly timing_ms: Readonly<Record<"load" | "image" | "encode" | "compress" | "prefill" | "decode", number>>;
  readonly peak_rss_bytes: number;
}
