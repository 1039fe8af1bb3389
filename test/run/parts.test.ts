/** Graphs run a part at a time compute what they do as a whole. */
import { describe, expect, test } from "vitest";
import { bytesOf, weightBytes } from "../../src/graph/cost.ts";
import type { Values } from "../../src/graph/engine.ts";
import { type Outputs, paramsOf } from "../../src/graph/graph.ts";
import { segments } from "../../src/graph/segments.ts";
import { buffers } from "../../src/run/cache.ts";
import { languageGraph } from "../../src/run/language.ts";
import { modelOf } from "../../src/run/models.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { type Run, runInParts } from "../../src/run/parts.ts";
import { sightGraph } from "../../src/run/sight.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { kinds } from "../support/kinds.ts";
import { drawn, floats, gap, integers, value } from "../support/values.ts";

const engine = ortNode({ threads: 1 });

/** Two pieces of a prompt. */
const pieces = [
  [0, 40],
  [40, 61],
].map(([from, to]): Run => {
  const places = Array.from({ length: to - from }, (_, i) => from + i);
  const row = (of: (place: number) => number) => integers(value([1, places.length], ...places.map(of)));
  return {
    feeds: { ids: row((i) => 8 + ((7 * i) % 250)), positions: row((i) => i), total: integers(value([1], 61)) },
    tokens: to - from,
  };
});

describe.each(kinds)("%s", (_, config) => {
  const source = openEnded();
  const w = weights(source);
  const model = modelOf(config, "config.json");
  const s = model.tileSize;
  const tiles = [1, 2].map((seed): Run => ({ feeds: { pixels: floats(drawn([1, 3, s, s], seed)) }, tokens: 0 }));
  const some = floats(drawn([1, model.width], 3));
  const words = pieces.map(({ feeds, tokens }) => ({ feeds: { ...feeds, features: some }, tokens }));
  const graphs: [string, Outputs, readonly Run[]][] = [
    ["the eyes", sightGraph(w, model), tiles],
    ["the words", languageGraph(model.language(w)), words],
  ];
  const weightOf = (key: string): Float32Array => {
    const { shape } = source.wanted.get(key)!;
    const size = 1 / Math.sqrt(shape.at(-1)!);
    return Float32Array.from(drawn(shape, key.length, -size, size).data);
  };

  test.each(graphs)("%s in parts of 20 kB give what they give at once", async (_, graph, runs) => {
    const most = 20_000;
    const parts = segments(graph, most);
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      const largest = Math.max(...[...paramsOf(part).values()].map((p) => bytesOf(p, new Map())));
      // A node may read two: a matrix and its bias, a norm's both.
      expect(weightBytes(part)).toBeLessThan(Math.max(most, 2 * largest));
    }
    const found: Record<string, Float32Array> = {};
    const read: string[] = [];
    const reading = (key: string) => {
      read.push(key);
      return weightOf(key);
    };
    const take = (name: string, { data }: Values, run: number) => {
      found[`${name} of run ${run}`] = data as Float32Array;
    };
    await runInParts(engine, graph, runs, reading, take, most);
    expect(new Set(read)).toEqual(new Set(paramsOf(graph).keys()));

    const given = Object.fromEntries(
      [...paramsOf(graph)].map(([key, { shape }]) => [
        key,
        { dtype: "f32", shape: shape as number[], data: weightOf(key) } as const,
      ]),
    );
    const session = await engine.open(graph);
    const cache = buffers(graph);
    cache.reserve(61);
    for (const [i, { feeds, tokens }] of runs.entries()) {
      const results = await session.run({ ...given, ...feeds, ...cache.feeds(0, 1) });
      cache.append(results, 0, 0, tokens, new Uint8Array(tokens).fill(1));
      for (const [name, { data }] of Object.entries(results))
        expect(gap(found[`${name} of run ${i}`], data as Float32Array)).toBeLessThan(1e-6);
    }
    await session.close();
  });
});
