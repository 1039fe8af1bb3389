/** The language model with its cache: one graph and one session for prompt and step. */
import { EngineError, RequestError, ShapeError } from "../errors.ts";
import type { Engine, Feeds, Values } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { minus, size } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { cachedParts, cacheOf, merged, type TextModel } from "../models/text-model.ts";
import type { LanguageModel, Prompt } from "./generate.ts";

/** The id under which graphs are given visual tokens: that of `<IMG_CONTEXT>` may also be chosen as a word of an answer. */
export const visual = -1;

/** A prompt with images: `features` [visual, d] take the places of the `<IMG_CONTEXT>` ids, in order. */
export interface VisualPromptIds extends Prompt {
  readonly features: Float32Array;
}

/** Logits of the last position. Inputs: ids [1, tokens], −1 where a visual token stands, features [visual, d] (at least one
 *  row), positions [1, tokens], past.i.key and past.i.value [1, k, 1, past, e]. Outputs: logits [1, 1, v], present.i.*. */
export function languageGraph(model: TextModel): Outputs {
  const t = size("tokens");
  const ids = input("ids", [1, t], "i64");
  const x = merged(ids, input("features", [size("visual"), model.width]), visual, model);
  const cache = cacheOf(model, 1, size("past"));
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
  const places = data.reduce((n, id) => (id === BigInt(visual) ? n + 1 : n), 0);
  if (places !== rows) throw new ShapeError(`the prompt has places for ${places} visual tokens, ${rows} were given`);
  return { dtype: "i64", shape: [1, ids.length], data };
}

/** Features as the graphs take them: [rows, d], one row of zeros where there are none. */
export function graphFeatures(features: Float32Array, d: number): Values {
  const data = features.length ? features : new Float32Array(d);
  return { dtype: "f32", shape: [data.length / d, d], data };
}

/** Opens what `languageGraph` made. `placeholder` is the id of `<IMG_CONTEXT>`; `explain` is called when logits are NaN
 *  and may throw a better error than EngineError. `prefill` and `step` throw RequestError beyond the model's length. */
export async function openLanguage(
  engine: Engine,
  graph: Outputs,
  { width: d, longest }: Pick<Multimodal, "width" | "longest">,
  placeholder: number,
  explain: () => void = () => undefined,
): Promise<Language> {
  const session = await engine.open(graph);
  const nothing = graphFeatures(new Float32Array(), d);
  const cache = growingCache(graph);
  let length = 0;

  async function read(ids: Values, features: Values): Promise<Float32Array> {
    const [, tokens] = ids.shape;
    checkLength(length + tokens, longest);
    const data = BigInt64Array.from({ length: tokens }, (_, i) => BigInt(length + i));
    const positions: Values = { dtype: "i64", shape: [1, tokens], data };
    const feeds = { ids, features, positions, ...cache.past(length) };
    const { logits } = await session.run(feeds, cache.present(length + tokens));
    cache.turn();
    length += tokens;
    if (holdsNaN(logits.data as Float32Array)) {
      explain();
      throw new EngineError("the logits are NaN though every weight is a number; report the image and the model");
    }
    return logits.data as Float32Array;
  }

  return {
    prefill({ ids, features }) {
      length = 0;
      return read(graphIds(ids, placeholder, features.length / d), graphFeatures(features, d));
    },
    step: (id) => read({ dtype: "i64", shape: [1, 1], data: BigInt64Array.of(BigInt(id)) }, nothing),
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

/** Two sets of buffers that take turns: a run reads the past from one and writes the present into the other, so that a step
 *  allocates nothing. They grow by half and are kept for the next conversation. */
function growingCache(graph: Outputs) {
  const { parts, shape } = cachedParts(graph);
  const row = shape(1).reduce((a, b) => a * b);
  const empty = (): Float32Array[] => parts.map(() => new Float32Array());
  let [now, then] = [empty(), empty()];
  const views = (prefix: string, buffers: readonly Float32Array[], tokens: number): Feeds =>
    Object.fromEntries(
      parts.map((part, i) => {
        const data = buffers[i].subarray(0, tokens * row);
        return [`${prefix}.${part}`, { dtype: "f32", shape: shape(tokens), data }];
      }),
    );
  return {
    past: (tokens: number): Feeds => views("past", now, tokens),
    present(tokens: number): Feeds {
      if (then[0].length < tokens * row) then = parts.map(() => new Float32Array(Math.ceil(tokens * 1.5) * row));
      return views("present", then, tokens);
    },
    turn(): void {
      [now, then] = [then, now];
    },
  };
}
