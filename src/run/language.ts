/** The language model with its cache: one graph and one session for prompt and step. */
import { EngineError, RequestError, ShapeError } from "../errors.ts";
import type { Engine, Values } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { minus, size } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import { type CacheGraph, floatCache } from "../models/cache.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { merged, type TextModel } from "../models/text-model.ts";
import { buffers } from "./cache.ts";
import type { LanguageModel, Prompt } from "./generate.ts";
import { type Mark, marksOf, shared } from "./prefix.ts";

/** The id under which graphs are given visual tokens: that of `<IMG_CONTEXT>` may also be chosen as a word of an answer. */
export const visual = -1;

/** A prompt with images: `features` [visual, d] take the places of the `<IMG_CONTEXT>` ids, in order. */
export interface VisualPromptIds extends Prompt {
  readonly features: Float32Array;
  /** What each row of the features shows: the same string only where it is the same token of the same image. Without it, the beginning of two prompts is
   *  the same as far as the first image at most. */
  readonly sources?: readonly string[];
  /** Rows of the features that deeper layers do not see (compress/compression.ts). */
  readonly unseen?: ReadonlySet<number> | undefined;
}

/** Logits of the last position. Inputs: ids [1, tokens], −1 where a visual token stands, features [visual, d] (at least one
 *  row), positions [1, tokens], and those of a cache in buffers. Outputs: logits [1, 1, v], and the cache's. */
export function languageGraph(model: TextModel, cache: CacheGraph = floatCache(model)): Outputs {
  const t = size("tokens");
  const ids = input("ids", [1, t], "i64");
  const x = merged(ids, input("features", [size("visual"), model.width]), visual, model);
  const pass = { positions: input("positions", [1, t], "i64"), cache };
  const last = model.states(x, pass).at(-1)!.slice(1, minus(t, 1), t);
  return { logits: model.head(last), ...cache.outputs };
}

/** An open language model; one conversation at a time. The next prompt may begin as the last one did: what was read of that is not read again. */
export interface Language extends LanguageModel<VisualPromptIds> {
  /** Tokens of the last prompt that had been read before. */
  readonly reused: number;
  close(): Promise<void>;
}

/** Ids as the graphs take them: visual tokens become −1. Throws ShapeError where they are not as many as the features. */
export function graphIds(ids: readonly number[], placeholder: number, rows: number): Values {
  const data = BigInt64Array.from(ids, (id) => BigInt(id === placeholder ? visual : id));
  const places = placesIn(data);
  if (places !== rows) throw new ShapeError(`the prompt has places for ${places} visual tokens, ${rows} were given`);
  return { dtype: "i64", shape: [1, ids.length], data };
}

/** How many visual tokens stand among ids of a graph. */
const placesIn = (ids: BigInt64Array): number => ids.reduce((n, id) => (id === BigInt(visual) ? n + 1 : n), 0);

/** Which ids of a graph every layer sees, 1 or 0 each; the first visual token is that of the features' row `from`. */
function seenIn(ids: BigInt64Array, from: number, unseen?: ReadonlySet<number>): Uint8Array<ArrayBuffer> {
  let row = from;
  return Uint8Array.from(ids, (id) => +!(id === BigInt(visual) && unseen?.has(row++)));
}

/** Features as the graphs take them: [rows, d], one row of zeros where there are none. */
export function graphFeatures(features: Float32Array, d: number): Values {
  const data = features.length ? features : new Float32Array(d);
  return { dtype: "f32", shape: [data.length / d, d], data };
}

/** Tokens of a prompt that are read at a time: with more, memory grows with the square of the prompt; with fewer, weights are read more often. Only whole
 *  pieces are kept for the next prompt, which are then what it would have read itself, to the last bit: within a piece attention is not rounded as the cache is. */
export const chunk = 128;

/** Opens what `languageGraph` made. `placeholder` is the id of `<IMG_CONTEXT>`; `explain` is called when logits are NaN
 *  and may throw a better error than EngineError. `prefill` and `step` throw RequestError beyond the model's length. */
export async function openLanguage(
  engine: Engine,
  graph: Outputs,
  { width: d, longest, steady }: Pick<Multimodal, "width" | "longest" | "steady">,
  placeholder: number,
  explain: () => void = () => undefined,
): Promise<Language> {
  const session = await engine.open(graph);
  const nothing = graphFeatures(new Float32Array(), d);
  const cache = buffers(graph);
  // The prompt whose whole pieces are cached: their marks, and the length of all of it.
  let last: { marks: Mark[]; total: number } = { marks: [], total: 0 };
  let reused = 0;

  /** How many tokens of a prompt lie in the cache, at most all but its last piece. */
  function known(marks: readonly Mark[]): number {
    if (Math.max(last.total, marks.length) > steady) return 0;
    const most = Math.min(shared(last.marks, marks), marks.length - 1);
    return Math.max(0, most - (most % chunk));
  }

  /** Reads the next tokens of a text of `total`. */
  async function read(
    data: BigInt64Array,
    features: Values,
    total: number,
    seen = new Uint8Array(data.length).fill(1),
  ): Promise<Float32Array> {
    const tokens = data.length;
    const from = cache.length;
    checkLength(from + tokens, longest);
    cache.reserve(from + tokens);
    const places = BigInt64Array.from({ length: tokens }, (_, i) => BigInt(from + i));
    const { logits, ...rows } = await session.run({
      ids: { dtype: "i64", shape: [1, tokens], data },
      features,
      positions: { dtype: "i64", shape: [1, tokens], data: places },
      total: { dtype: "i64", shape: [1], data: BigInt64Array.of(BigInt(total)) },
      seenNow: { dtype: "bool", shape: [tokens], data: seen },
      ...cache.feeds(),
    });
    if (holdsNaN(logits.data as Float32Array)) {
      explain();
      throw new EngineError("the logits are NaN though every weight is a number; report the image and the model");
    }
    // Only now: a cached NaN would spoil every later answer.
    cache.append(rows, tokens, seen);
    return logits.data as Float32Array;
  }

  return {
    get reused() {
      return reused;
    },
    async prefill(prompt) {
      const { ids, features, unseen } = prompt;
      checkLength(ids.length, longest);
      const all = graphIds(ids, placeholder, features.length / d).data as BigInt64Array;
      const marks = marksOf(prompt, placeholder);
      reused = known(marks);
      last = { marks: marks.slice(0, reused), total: ids.length };
      cache.cut(reused);
      cache.reserve(ids.length + 1);
      let logits: Float32Array = new Float32Array();
      let row = placesIn(all.subarray(0, reused));
      for (let from = reused; from < all.length; from += chunk) {
        const part = all.subarray(from, from + chunk);
        const seen = seenIn(part, row, unseen);
        const rows = features.subarray(row * d, (row += placesIn(part)) * d);
        logits = await read(part, graphFeatures(rows, d), all.length, seen);
        if (part.length === chunk) last.marks.push(...marks.slice(from, from + chunk));
      }
      return logits;
    },
    step: (id) => read(BigInt64Array.of(BigInt(id)), nothing, cache.length + 1),
    close: () => session.close(),
  };
}

/** Throws RequestError for more tokens than the model reads. */
export function checkLength(tokens: number, longest: number): void {
  if (tokens <= longest) return;
  throw new RequestError(
    `the prompt is ${tokens} tokens long, the model reads ${longest}; give fewer images, fewer tiles or less text`,
  );
}

function holdsNaN(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) return true;
  return false;
}
