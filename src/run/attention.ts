/** What compression sees of a prompt, with the language model's attention and the tokens' likeness computed when they are asked for. */
import type { Span, VisualPrompt } from "../compress/compression.ts";
import { cosines } from "../compress/likeness.ts";
import { votes } from "../compress/votes.ts";
import type { Engine, Session } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import type { TextModel } from "../models/text-model.ts";
import { graphFeatures, graphIds, type VisualPromptIds, visual } from "./language.ts";

/** Makes prompts visible to compression; the sessions behind them open at first use and stay. */
export interface Watch {
  prompt(prompt: VisualPromptIds, windows: readonly Span[]): VisualPrompt;
  close(): Promise<void>;
}

/** `placeholder` is the id of `<IMG_CONTEXT>`. */
export function watch(engine: Engine, model: TextModel, placeholder: number): Watch {
  const sessions = new Map<number | "likeness", Promise<Session>>();
  const sessionOf = (key: number | "likeness", graph: () => Outputs): Promise<Session> => {
    const session = sessions.get(key) ?? engine.open(graph());
    sessions.set(key, session);
    // A graph that could not be opened is tried again when it is next asked for.
    session.catch(() => sessions.delete(key));
    return session;
  };
  return {
    prompt({ ids, features }, windows) {
      const places = ids.flatMap((id, place) => (id === placeholder ? [place] : []));
      return {
        tokens: places.length,
        windows,
        features,
        async attention(layer, who) {
          if (windows.length === 0) return [];
          const { voters, weights } = ballots(
            windows.map(({ from, to }) => (who === "all" ? places[from] : places[to - 1] + 1)),
            ids.length,
          );
          const session = await sessionOf(layer, () => votes(layer, model, visual));
          const results = await session.run({
            ids: graphIds(ids, placeholder, places.length),
            features: graphFeatures(features, model.width),
            voters: { dtype: "i64", shape: [voters.length], data: voters },
            weights: { dtype: "f32", shape: [windows.length, voters.length], data: weights },
          });
          const scores = results.votes.data as Float32Array;
          return windows.map(({ from, to }, i) =>
            Float32Array.from({ length: to - from }, (_, j) => scores[i * ids.length + places[from + j]]),
          );
        },
        async likeness() {
          const session = await sessionOf("likeness", () => cosines(model.width));
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
      for (const session of sessions.values()) await (await session).close();
      sessions.clear();
    },
  };
}

/** All places from the first begin on, and for each begin the weights that make the mean over those not before it. */
function ballots(begins: readonly number[], tokens: number): { voters: BigInt64Array; weights: Float32Array } {
  const first = Math.min(...begins);
  const count = tokens - first;
  return {
    voters: BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i)),
    weights: Float32Array.from({ length: begins.length * count }, (_, at) => {
      const begin = begins[Math.floor(at / count)];
      return first + (at % count) < begin ? 0 : 1 / (tokens - begin);
    }),
  };
}
