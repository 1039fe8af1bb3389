/** The language model with its cache: one graph and one session for prompt and step. */
import { EngineError, RequestError, ShapeError } from "../errors.ts";
import type { Engine, Feeds, Values } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { minus, size } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import { type CacheGraph, floatCache } from "../models/cache.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { merged, type TextModel } from "../models/text-model.ts";
import { buffers } from "./cache.ts";
import type { LanguageModel, Prompt } from "./generate.ts";
import { type Mark, marksOf, shared } from "./prefix.ts";
import { type Outcome, together } from "./together.ts";
import { type Turns, takingTurns } from "./turns.ts";

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

/** Logits of the last position. Inputs: ids [rows, tokens], −1 where a visual token stands, features [visual, d] (at least one
 *  row), positions [rows, tokens], and those of a cache in buffers. Outputs: logits [rows, 1, v], and the cache's. */
export function languageGraph(model: TextModel, cache: CacheGraph = floatCache(model)): Outputs {
  const [b, t] = [size("rows"), size("tokens")];
  const ids = input("ids", [b, t], "i64");
  const x = merged(ids, input("features", [size("visual"), model.width]), visual, model);
  const pass = { positions: input("positions", [b, t], "i64"), cache };
  const last = model.states(x, pass).at(-1)!.slice(1, minus(t, 1), t);
  return { logits: model.head(last), ...cache.outputs };
}

/** A place for one conversation. Its next prompt may begin as its last one did: what was read of that is not read again. */
export interface Seat extends LanguageModel<VisualPromptIds> {
  /** Tokens of the prompt that had been read before. */
  readonly reused: number;
}

/** An open language model, whose conversations share its weights: steps that are asked for at the same time are one run. */
export interface Language {
  /** A free seat, of all the one that has read most of the beginning of a prompt; it waits for one where none is free. */
  take(prompt: VisualPromptIds): Promise<Seat>;
  /** Frees a seat that was taken. */
  leave(seat: Seat): void;
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

/** What each piece of a prompt is fed, but for a cache: ids, their features [visual, d], positions and the length of the whole. */
export function promptPieces(ids: Values, features: Float32Array, d: number): Feeds[] {
  const all = ids.data as BigInt64Array;
  let row = 0;
  return Array.from({ length: Math.ceil(all.length / chunk) }, (_, i) => {
    const data = all.subarray(i * chunk, (i + 1) * chunk);
    const shape = [1, data.length];
    return {
      ids: { dtype: "i64", shape, data },
      features: graphFeatures(features.subarray(row * d, (row += placesIn(data)) * d), d),
      positions: { dtype: "i64", shape, data: BigInt64Array.from(data, (_, j) => BigInt(i * chunk + j)) },
      total: { dtype: "i64", shape: [1], data: BigInt64Array.of(BigInt(all.length)) },
    };
  });
}

/** Tokens of a prompt that are read at a time: with more, memory grows with the square of the prompt; with fewer, weights are read more often. Only whole
 *  pieces are kept for the next prompt, which are then what it would have read itself, to the last bit: within a piece attention is not rounded as the cache is. */
export const chunk = 128;

/** What one row of a run reads: the next tokens of a text of `total`, and which of them all layers see. */
interface Row {
  readonly ids: BigInt64Array;
  readonly total: number;
  readonly seen: Uint8Array;
}

/** Opens what `languageGraph` made, for so many conversations at once, which take turns. `placeholder` is the id of `<IMG_CONTEXT>`; `explain` is called when logits are NaN
 *  and may throw a better error than EngineError. `prefill` and `step` throw RequestError beyond the model's length.
 *  An answer that crosses the length at which a model switches its factors (LongRoPE) is read anew from its beginning there, once, as transformers does:
 *  its step takes as long as the prompt did. Keys that keep the other factors, as in InternVL2-4B's own code, garble what follows. */
export async function openLanguage(
  engine: Engine,
  graph: Outputs,
  { width: d, longest, steady, switchesAt }: Pick<Multimodal, "width" | "longest" | "steady" | "switchesAt">,
  placeholder: number,
  {
    seats = 1,
    explain = () => undefined,
    turns = takingTurns(),
  }: { seats?: number; explain?: () => void; turns?: Turns } = {},
): Promise<Language> {
  const session = await engine.open(graph);
  const nothing = graphFeatures(new Float32Array(), d);
  const cache = buffers(graph, seats);

  /** Reads a row for each of neighbouring seats, in one run: the logits of each, or why there are none. Idle seats' rows leave no trace. */
  async function read(first: number, rows: readonly Row[], features: Values, idle = new Set<number>()) {
    const [n, t] = [rows.length, rows[0].ids.length];
    const places = rows.map(({ ids }, row) => ids.map((_, i) => BigInt(cache.length(first + row) + i)));
    const { logits, ...present } = await session.run({
      ids: integers([n, t], ...rows.map(({ ids }) => ids)),
      features,
      positions: integers([n, t], ...places),
      total: integers(
        [n],
        BigInt64Array.from(rows, ({ total }) => BigInt(total)),
      ),
      seenNow: { dtype: "bool", shape: [n, t], data: Uint8Array.from(rows.flatMap(({ seen }) => [...seen])) },
      ...cache.feeds(first, n),
    });
    const v = logits.data.length / n;
    return rows.map(({ seen }, row): Outcome => {
      const own = (logits.data as Float32Array).subarray(row * v, (row + 1) * v);
      if (idle.has(first + row)) return own;
      if (holdsNaN(own)) return unheard(explain);
      // Only now: a cached NaN would spoil every later answer.
      cache.append(present, row, first + row, t, seen);
      return own;
    });
  }

  const step = together(async (ids) => {
    const [first, last] = [Math.min(...ids.keys()), Math.max(...ids.keys())];
    const outcomes = new Map<number, Outcome>();
    const idle = new Set<number>();
    const rows = Array.from({ length: last - first + 1 }, (_, i): Row => {
      const seat = first + i;
      const total = cache.length(seat) + 1;
      if (!ids.has(seat)) idle.add(seat);
      return { ids: BigInt64Array.of(BigInt(ids.get(seat) ?? 0)), total, seen: Uint8Array.of(1) };
    });
    cache.reserve(Math.max(...Array.from(ids.keys(), (seat) => cache.length(seat) + 1)));
    const found = await read(first, rows, nothing, idle);
    for (const seat of ids.keys()) outcomes.set(seat, found[seat - first]);
    return outcomes;
  }, turns.write);

  /** A seat, which remembers of its prompt the marks of the whole pieces that are cached, and the length of all of it. */
  function seatAt(at: number) {
    let last: { marks: Mark[]; total: number } = { marks: [], total: 0 };
    let reused = 0;
    /** All that was read, as long as it may have to be read again. */
    let text: VisualPromptIds | undefined;

    /** How many tokens of a prompt lie in the cache, at most all but its last piece. */
    function known(marks: readonly Mark[]): number {
      if (Math.max(last.total, marks.length) > steady) return 0;
      const most = Math.min(shared(last.marks, marks), marks.length - 1);
      return Math.max(0, most - (most % chunk));
    }

    async function prefill(prompt: VisualPromptIds, signal?: AbortSignal): Promise<Float32Array> {
      const { ids, features, unseen } = prompt;
      const total = ids.length;
      text = switchesAt !== undefined && total <= switchesAt ? prompt : undefined;
      checkLength(total, longest);
      const all = graphIds(ids, placeholder, features.length / d).data as BigInt64Array;
      const marks = marksOf(prompt, placeholder);
      reused = known(marks);
      last = { marks: marks.slice(0, reused), total };
      cache.cut(at, reused);
      let logits: Float32Array = new Float32Array();
      let row = placesIn(all.subarray(0, reused));
      for (let from = reused; from < total; from += chunk) {
        signal?.throwIfAborted();
        const part = all.subarray(from, from + chunk);
        const seen = seenIn(part, row, unseen);
        const rows = graphFeatures(features.subarray(row * d, (row += placesIn(part)) * d), d);
        const readPart = () => {
          cache.reserve(Math.min(from + chunk, total + 1), total + 1);
          return read(at, [{ ids: part, total, seen }], rows);
        };
        logits = heard((await turns.read(readPart))[0]);
        if (part.length === chunk) last.marks.push(...marks.slice(from, from + chunk));
      }
      return logits;
    }

    return {
      known,
      get reused() {
        return reused;
      },
      prefill,
      async step(id: number) {
        checkLength(cache.length(at) + 1, longest);
        if (text) text = { ...text, ids: [...text.ids, id] };
        return text && cache.length(at) === switchesAt ? prefill(text) : step(at, id);
      },
    };
  }

  const free = Array.from({ length: seats }, (_, at) => seatAt(at));
  const waiting: (() => void)[] = [];
  return {
    async take(prompt) {
      while (free.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      const marks = marksOf(prompt, placeholder);
      const best = free.reduce((a, b) => (b.known(marks) > a.known(marks) ? b : a));
      return free.splice(free.indexOf(best), 1)[0];
    },
    leave(seat) {
      free.push(seat as (typeof free)[number]);
      waiting.shift()?.();
    },
    close: () => session.close(),
  };
}

/** The numbers of rows, one after the other. */
function integers(shape: readonly number[], ...rows: readonly BigInt64Array[]): Values {
  const data = new BigInt64Array(rows.reduce((n, row) => n + row.length, 0));
  rows.reduce((at, row) => {
    data.set(row, at);
    return at + row.length;
  }, 0);
  return { dtype: "i64", shape, data };
}

/** Why logits are NaN. */
function unheard(explain: () => void): Error {
  try {
    explain();
  } catch (error) {
    return error as Error;
  }
  return new EngineError("the logits are NaN though every weight is a number; report the image and the model");
}

/** The logits. Throws the error that stands in their place. */
function heard(outcome: Outcome): Float32Array {
  if (outcome instanceof Error) throw outcome;
  return outcome;
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
