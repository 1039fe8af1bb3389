/** Graphs of tests, run by the engine. */
import type { Feeds, Values } from "../../src/graph/engine.ts";
import type { Outputs } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/op.ts";
import { size } from "../../src/graph/shape.ts";
import { input, iota } from "../../src/graph/tensor.ts";
import { growingCache } from "../../src/models/cache.ts";
import type { Multimodal } from "../../src/models/multimodal.ts";
import { merged, type TextModel } from "../../src/models/text-model.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import type { Weights } from "../../src/weights/path.ts";
import { floats, integers, value } from "./values.ts";

/** Runs a graph once a feed, in order, with weights that every run is given; what a run made stands among the feeds of the next. */
export async function run(
  graph: Outputs,
  weights: Readonly<Record<string, Value>>,
  ...feeds: ((before: Feeds) => Feeds)[]
): Promise<Feeds[]> {
  const session = await ortNode({ threads: 1 }).open(graph);
  const given = Object.fromEntries(Object.entries(weights).map(([key, weight]) => [key, floats(weight)]));
  const results: Feeds[] = [];
  for (const feed of feeds) results.push(await session.run({ ...given, ...feed(results.at(-1) ?? {}) }));
  await session.close();
  return results;
}

/** Logits of ids that a model reads in pieces, the keys and values of the earlier ones from its cache. `values` gives the weights once all are known. */
export async function logits(
  model: TextModel,
  values: () => Record<string, Value>,
  ...pieces: (readonly number[])[]
): Promise<number[]> {
  const t = size("tokens");
  const cache = growingCache(model, 1, size("past"));
  const pass = { positions: input("positions", [1, t], "i64"), cache };
  const states = model.states(model.embed(input("ids", [1, t], "i64")), pass);
  const graph = { y: model.head(states.at(-1)!), ...cache.outputs };
  const row = (values: readonly number[]): Values => integers(value([1, values.length], ...values));
  const empty = floats(value(model.cacheShape(1, 0)));
  const feeds = pieces.map((ids, i) => {
    const from = pieces.slice(0, i).flat().length;
    return (before: Feeds): Feeds => ({
      ids: row(ids),
      positions: row(ids.map((_, at) => from + at)),
      ...Object.fromEntries(
        Object.keys(cache.outputs).map((name) => [name.replace("present", "past"), before[name] ?? empty]),
      ),
    });
  });
  const results = await run(graph, values(), ...feeds);
  return results.flatMap(({ y }) => Array.from(y.data, Number));
}

/** The visual tokens of one image and the logits of ids that hold it, −1 where one of its tokens stands. */
export async function whole(
  model: Multimodal,
  w: Weights,
  values: () => Record<string, Value>,
  image: Value,
  ids: readonly number[],
): Promise<{ tokens: number[]; logits: number[] }> {
  const words = model.language(w);
  const tokens = model.sight(input("image", image.shape), w, input("cells", [1, 3], "i64")).rearrange("1 t d -> t d");
  const x = merged(input("ids", [1, ids.length], "i64"), tokens, -1, words);
  const pass = { positions: iota(ids.length).reshape([1, ids.length]) };
  const graph = { tokens, logits: words.head(words.states(x, pass).at(-1)!) };
  const feeds = { image: floats(image), ids: integers(value([1, ids.length], ...ids)) };
  const [found] = await run(graph, values(), () => feeds);
  return { tokens: Array.from(found.tokens.data, Number), logits: Array.from(found.logits.data, Number) };
}
