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

/** The id under which graphs are given visual tokens: that of `<IMG_CONTEXT>` may also be chosen as a word of an answer. */
export const visual = -1;

/** A prompt with images: `features` [visual, d] take the places of the `<IMG_CONTEXT>` ids, in order. */
export interface VisualPromptIds extends Prompt {
  readonly features: Float32Array;
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

/** An open language model; one conversation at a time. */
export interface Language extends LanguageModel<VisualPromptIds> {
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

/** Features as the graphs take them: [rows, d], one row of zeros where there are none. */
export function graphFeatures(features: Float32Array, d: number): Values {
  const data = features.length ? features : new Float32Array(d);
  return { dtype: "f32", shape: [data.length / d, d], data };
}

/** Tokens of a prompt that are read at a time: with more, memory grows with the square of the prompt; with fewer, weights are read more often. */
export const chunk = 128;

/** Opens what `languageGraph` made. `placeholder` is the id of `<IMG_CONTEXT>`; `explain` is called when logits are NaN
 *  and may throw a better error than EngineError. `prefill` and `step` throw RequestError beyond the model's length.
 *  An answer that crosses the length at which a model switches its factors (LongRoPE) is read anew from its beginning there, once, as transformers does:
 *  its step takes as long as the prompt did. Keys that keep the other factors, as in InternVL2-4B's own code, garble what follows. */
export async function openLanguage(
  engine: Engine,
  graph: Outputs,
  { width: d, longest, switchesAt }: Pick<Multimodal, "width" | "longest" | "switchesAt">,
  placeholder: number,
  explain: () => void = () => undefined,
): Promise<Language> {
  const session = await engine.open(graph);
  const nothing = graphFeatures(new Float32Array(), d);
  const cache = buffers(graph);
  /** All that was read, as long as it may have to be read again. */
  let text: { ids: bigint[]; features: Float32Array } | undefined;

  /** Reads the next tokens of a text of `total`. */
  async function read(ids: Values, features: Values, total: number): Promise<Float32Array> {
    const [, tokens] = ids.shape;
    const from = cache.length;
    checkLength(from + tokens, longest);
    cache.reserve(from + tokens);
    const data = BigInt64Array.from({ length: tokens }, (_, i) => BigInt(from + i));
    const positions: Values = { dtype: "i64", shape: [1, tokens], data };
    const whole: Values = { dtype: "i64", shape: [1], data: BigInt64Array.of(BigInt(total)) };
    const { logits, ...rows } = await session.run({ ids, features, positions, total: whole, ...cache.feeds() });
    if (holdsNaN(logits.data as Float32Array)) {
      explain();
      throw new EngineError("the logits are NaN though every weight is a number; report the image and the model");
    }
    // Only now: a cached NaN would spoil every later answer.
    cache.append(rows, tokens);
    return logits.data as Float32Array;
  }

  /** Reads a text from its beginning, in pieces. */
  async function readAll(all: BigInt64Array, features: Float32Array): Promise<Float32Array> {
    cache.cut(0);
    checkLength(all.length, longest);
    cache.reserve(all.length + 1);
    text = switchesAt !== undefined && all.length <= switchesAt ? { ids: [...all], features } : undefined;
    let logits: Float32Array = new Float32Array();
    let seen = 0;
    for (let from = 0; from < all.length; from += chunk) {
      const part = all.subarray(from, from + chunk);
      const rows = features.subarray(seen * d, (seen += placesIn(part)) * d);
      logits = await read({ dtype: "i64", shape: [1, part.length], data: part }, graphFeatures(rows, d), all.length);
    }
    return logits;
  }

  return {
    async prefill({ ids, features }) {
      return readAll(graphIds(ids, placeholder, features.length / d).data as BigInt64Array, features);
    },
    async step(id) {
      text?.ids.push(BigInt(id));
      if (text && cache.length === switchesAt) return readAll(BigInt64Array.from(text.ids), text.features);
      return read({ dtype: "i64", shape: [1, 1], data: BigInt64Array.of(BigInt(id)) }, nothing, cache.length + 1);
    },
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
