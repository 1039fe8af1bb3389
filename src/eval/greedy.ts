/** Greedy decoding of a batch with a cache, from embeddings on: how references were generated. */
import type { Engine, Feeds, Session, Values } from "../graph/engine.ts";
import { inputsOf, type Outputs } from "../graph/graph.ts";
import { minus, plus, type Shape, size } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import { growingCache } from "../models/cache.ts";
import type { TextModel } from "../models/text-model.ts";
import type { Ids } from "./reference.ts";

/** Tokens [b, steps] i64, and the logits [b, steps, v] that each is the largest of. */
export interface Decoded {
  tokens: Values;
  logits: Values;
}

/** The likeliest token, `steps` times. embeds: [b, t, d]; mask: [b, t], 0 where a token is padding on the left, whose
 *  position is 1 while those of the others count from 0. */
export async function greedy(
  engine: Engine,
  model: TextModel,
  embeds: Values,
  steps: number,
  mask?: Values,
): Promise<Decoded> {
  const [b] = embeds.shape;
  const words = await engine.open({ embeds: model.embed(input("ids", [b, 1], "i64")) });
  try {
    const graph = stepGraph(model, b);
    const step = await engine.open(graph);
    try {
      return await decoded(step, words, model.vocabulary, nothing(graph), embeds, steps, mask);
    } finally {
      await step.close();
    }
  } finally {
    await words.close();
  }
}

/** Logits of the last token. Inputs: embeds [b, tokens, d], positions [b, tokens], segments [b, past + tokens], past.i.*. */
function stepGraph(model: TextModel, b: number): Outputs {
  const [t, past] = [size("tokens"), size("past")];
  const cache = growingCache(model, b, past);
  const segments = input("segments", [b, plus(past, t)], "i64");
  const pass = { positions: input("positions", [b, t], "i64"), segments, cache };
  const last = model.states(input("embeds", [b, t, model.width]), pass).at(-1)!;
  return { logits: model.head(last.slice(1, minus(t, 1), t)), ...cache.outputs };
}

async function decoded(
  model: Session,
  words: Session,
  v: number,
  before: Feeds,
  embeds: Values,
  steps: number,
  mask?: Values,
): Promise<Decoded> {
  const [b, t] = embeds.shape;
  const rows = [...Array(b).keys()];
  const segments = rows.map((row) => Array.from({ length: t }, (_, i) => (mask && !mask.data[row * t + i] ? -1 : 0)));
  const tokens = new BigInt64Array(b * steps);
  const logits = new Float32Array(b * steps * v);
  let [x, past] = [embeds, before];
  for (let step = 0; step < steps; step++) {
    const positions = segments.map((row) => positionsOf(row).slice(-x.shape[1]));
    const results = await model.run({ embeds: x, positions: whole(positions), segments: whole(segments), ...past });
    const found = rows.map((row) => (results.logits.data as Float32Array).subarray(row * v, (row + 1) * v));
    const ids = found.map((row) => row.indexOf(row.reduce((a, b) => Math.max(a, b))));
    for (const row of rows) {
      logits.set(found[row], (row * steps + step) * v);
      tokens[row * steps + step] = BigInt(ids[row]);
      segments[row].push(0);
    }
    past = Object.fromEntries(Object.keys(past).map((name) => [name, results[name.replace("past", "present")]]));
    x = (await words.run({ ids: whole(ids.map((id) => [id])) })).embeds;
  }
  return {
    tokens: { dtype: "i64", shape: [b, steps], data: tokens },
    logits: { dtype: "f32", shape: [b, steps, v], data: logits },
  };
}

/** An empty cache. */
function nothing(graph: Outputs): Feeds {
  const parts = inputsOf(graph).filter(({ attrs: { name } }) => name.startsWith("past."));
  const empty = (shape: Shape): Values => ({
    dtype: "f32",
    shape: shape.map((dim) => (typeof dim === "number" ? dim : 0)),
    data: new Float32Array(),
  });
  return Object.fromEntries(parts.map(({ attrs: { name }, shape }) => [name, empty(shape)]));
}

/** How many tokens of the row came before, 1 at padding. */
function positionsOf(segments: readonly number[]): number[] {
  let count = 0;
  return segments.map((segment) => (segment < 0 ? 1 : count++));
}

/** Rows of whole numbers as i64 [rows, length]. */
export function whole(rows: readonly (readonly number[])[]): Ids {
  return { dtype: "i64", shape: [rows.length, rows[0].length], data: BigInt64Array.from(rows.flat(), BigInt) };
}
