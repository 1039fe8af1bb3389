/** What compression sees of a prompt, with the language model's attention and the tokens' likeness computed when they are asked for. */
import type { Span, VisualPrompt } from "../compress/compression.ts";
import { cosines } from "../compress/likeness.ts";
import { votes } from "../compress/votes.ts";
import type { Engine, Feeds, Session } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import type { TextModel } from "../models/text-model.ts";
import { buffers } from "./cache.ts";
import { graphFeatures, graphIds, promptPieces, type VisualPromptIds, visual } from "./language.ts";

/** Makes prompts visible to compression; the sessions behind them open at first use and stay. */
export interface Watch {
  /** Throws what an aborted signal holds, between two pieces of the prompt. */
  prompt(prompt: VisualPromptIds, windows: readonly Span[], signal?: AbortSignal): VisualPrompt;
  close(): Promise<void>;
}

/** `placeholder` is the id of `<IMG_CONTEXT>`; `judge` makes the graph that attention of a layer is asked of (compress/votes.ts). */
export function watch(
  engine: Engine,
  model: TextModel,
  placeholder: number,
  judge = (layer: number): Outputs => votes(layer, model, visual),
): Watch {
  const opened = new Map<number | "likeness", { readonly graph: Outputs; readonly session: Promise<Session> }>();
  const open = (key: number | "likeness", traced: () => Outputs) => {
    const before = opened.get(key);
    if (before) return before;
    const graph = traced();
    const made = { graph, session: engine.open(graph) };
    opened.set(key, made);
    // A graph that could not be opened is tried again when it is next asked for.
    made.session.catch(() => opened.delete(key));
    return made;
  };
  return {
    prompt({ ids, features }, windows, signal) {
      const places = ids.flatMap((id, place) => (id === placeholder ? [place] : []));
      return {
        tokens: places.length,
        windows,
        features,
        async attention(layer, who) {
          if (windows.length === 0) return [];
          const begins = windows.map(({ from, to }) => (who === "all" ? places[from] : places[to - 1] + 1));
          const { graph, session } = open(layer, () => judge(layer));
          const pieces = promptPieces(graphIds(ids, placeholder, places.length), features, model.width);
          const scores = await counted(await session, graph, pieces, begins, signal);
          return windows.map(({ from, to }, i) =>
            Float32Array.from({ length: to - from }, (_, j) => scores[i][places[from + j]]),
          );
        },
        async likeness() {
          const session = await open("likeness", () => cosines(model.width)).session;
          const found: Float32Array[] = [];
          for (const { from, to } of windows) {
            const rows = features.subarray(from * model.width, to * model.width);
            const results = await session.run({ features: graphFeatures(rows, model.width) });
            found.push(results.cosines.data as Float32Array);
          }
          return found;
        },
      };
    },
    async close() {
      for (const { session } of opened.values()) await (await session).close();
      opened.clear();
    },
  };
}

/** Reads a prompt piece by piece and counts the votes for each of its tokens: for each begin the mean over those not before it. Memory grows with the prompt, not with its square. */
async function counted(
  session: Session,
  graph: Outputs,
  pieces: readonly Feeds[],
  begins: readonly number[],
  signal?: AbortSignal,
): Promise<Float32Array[]> {
  const lengths = pieces.map(({ ids }) => ids.data.length);
  const total = lengths.reduce((sum, t) => sum + t, 0);
  const scores = begins.map(() => new Float32Array(total));
  const cache = buffers(graph);
  for (const [i, t] of lengths.entries()) {
    signal?.throwIfAborted();
    const from = cache.length(0);
    cache.reserve(from + t, total);
    const { votes, ...present } = await session.run({
      ...pieces[i],
      ...ballots(begins, from, t, total),
      ...cache.feeds(0, 1),
    });
    const width = votes.data.length / begins.length;
    const given = votes.data as Float32Array;
    for (const [window, score] of scores.entries()) {
      const row = given.subarray(window * width, (window + 1) * width);
      for (let at = 0; at < from; at++) score[at] += row[at];
      for (let at = 0; at < t; at++) score[from + at] += row[width - t + at];
    }
    cache.append(present, 0, 0, t, new Uint8Array(t).fill(1));
  }
  return scores;
}

/** The places in a piece of t tokens from `from` on that vote, and what each vote counts for each begin; where none does, one that does not count. */
function ballots(begins: readonly number[], from: number, t: number, total: number): Feeds {
  const first = Math.min(Math.max(Math.min(...begins) - from, 0), t - 1);
  const count = t - first;
  const weights = Float32Array.from({ length: begins.length * count }, (_, at) => {
    const begin = begins[Math.floor(at / count)];
    return from + first + (at % count) < begin ? 0 : 1 / (total - begin);
  });
  return {
    voters: { dtype: "i64", shape: [count], data: BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i)) },
    weights: { dtype: "f32", shape: [begins.length, count], data: weights },
  };
}
