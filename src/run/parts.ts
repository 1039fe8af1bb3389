/** Graphs over more weights than memory holds: run a part at a time. */
import type { Engine, Feeds, Values } from "../graph/engine.ts";
import { inputsOf, type Outputs, paramsOf } from "../graph/graph.ts";
import { segments } from "../graph/segments.ts";
import { buffers } from "./cache.ts";

/** Bytes of weights that are held at a time, as float32: a layer or two. */
const heldBytes = 256e6;

/** What a run is given; with a cache in buffers, the number of tokens that it adds. */
export interface Run {
  readonly feeds: Feeds;
  readonly tokens: number;
}

/** Does all runs of a graph through one part of it before the next; a cache goes from each run to the one behind it. `weightOf` reads a weight, each once for
 *  every part that needs it; outputs are given to `take` as they come. */
export async function runInParts(
  engine: Engine,
  graph: Outputs,
  runs: readonly Run[],
  weightOf: (key: string) => Float32Array,
  take: (name: string, values: Values, run: number) => void,
  mostBytes: number = heldBytes,
): Promise<void> {
  const parts = segments(graph, mostBytes);
  const reads = parts.map((part) => new Set(inputsOf(part).map(({ attrs }) => attrs.name as string)));
  const carried = runs.map(({ feeds }) => new Map(Object.entries(feeds)));
  for (const [i, part] of parts.entries()) {
    const weights = Object.fromEntries(
      [...paramsOf(part)].map(([key, { shape }]): [string, Values] => [
        key,
        { dtype: "f32", shape: shape as number[], data: weightOf(key) },
      ]),
    );
    const cache = buffers(part);
    cache.reserve(runs.reduce((sum, { tokens }) => sum + tokens, 0));
    const session = await engine.open(part);
    try {
      for (const [run, { tokens }] of runs.entries()) {
        const own = carried[run];
        const results = await session.run({ ...Object.fromEntries(own), ...cache.feeds(0, 1), ...weights });
        cache.append(results, 0, 0, tokens, new Uint8Array(tokens).fill(1));
        for (const [name, values] of Object.entries(results))
          if (name in graph) take(name, values, run);
          else own.set(name, values);
        for (const name of own.keys()) if (!reads.slice(i + 1).some((later) => later.has(name))) own.delete(name);
      }
    } finally {
      await session.close();
    }
  }
}
