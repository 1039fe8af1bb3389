/** Caches in buffers: a prompt read in pieces, in floats and in bytes, against the whole prompt without a cache. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { size } from "../../src/graph/shape.ts";
import { input } from "../../src/graph/tensor.ts";
import { byteCache, floatCache } from "../../src/models/cache.ts";
import { miniMonkey } from "../../src/models/mini-monkey.ts";
import { merged } from "../../src/models/text-model.ts";
import { buffers } from "../../src/run/cache.ts";
import { graphFeatures, graphIds, languageGraph, openLanguage, visual } from "../../src/run/language.ts";
import { reference } from "../support/reference.ts";
import { drawn, gap, integers, value } from "../support/values.ts";

const { config, w, engine } = reference("mini_monkey_e2e");
const model = miniMonkey(config);
const words = model.language(w);
const placeholder = 150;

// More tokens than are read at a time, with visual tokens on both sides of the border.
const t = 700;
const ids = Array.from({ length: t }, (_, i) => (i > 300 && i < 600 && i % 3 ? placeholder : (i * 7) % 140));
const places = ids.filter((id) => id === placeholder).length;
const features = Float32Array.from(drawn([places, model.width], 1).data);

/** The logits of the last position, without a cache. */
async function whole(ids: readonly number[]): Promise<ArrayLike<number>> {
  const n = ids.length;
  const x = merged(input("ids", [1, n], "i64"), input("features", [places, model.width]), visual, words);
  const last = words.states(x, { positions: input("positions", [1, n], "i64") }).at(-1)!;
  const session = await engine.open({ logits: words.head(last.slice(1, n - 1, n)) });
  const positions = integers(value([1, n], ...ids.keys()));
  const given = graphIds(ids, placeholder, places);
  const { logits } = await session.run({ ids: given, features: graphFeatures(features, model.width), positions });
  await session.close();
  return logits.data as Float32Array;
}

describe("a prompt longer than is read at a time, and the tokens behind it", () => {
  test.each([
    ["floats: the same", floatCache, 2e-5],
    ["bytes: nearly the same", byteCache, 0.02],
  ])("%s logits as without a cache", async (_, cache, tolerance) => {
    const language = await openLanguage(engine, languageGraph(words, cache(words)), model, placeholder);
    for (let again = 0; again < 2; again++) {
      expect(gap(await language.prefill({ ids, features }), await whole(ids))).toBeLessThan(tolerance);
      expect(gap(await language.step(9), await whole([...ids, 9]))).toBeLessThan(tolerance);
      expect(gap(await language.step(17), await whole([...ids, 9, 17]))).toBeLessThan(tolerance);
    }
    await language.close();
  });
});

test("rows written behind each other lie in the buffers in order, however the room grows", () => {
  const parts = [
    { name: "along the last axis", axis: 3, shape: [1, 2, 3, size("tokens")] },
    { name: "before the last axis", axis: 2, shape: [1, 2, size("tokens"), 3] },
    { name: "one number a row", axis: 1, shape: [2, size("tokens")] },
  ];
  const graph = Object.fromEntries(parts.map(({ name, shape }) => [`present.${name}`, input(name, shape)]));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 6 }), (sizes) => {
      const cache = buffers(graph);
      for (const n of sizes) {
        cache.reserve(cache.length + n);
        const rows = parts.map(({ name, axis, shape }) => {
          const dims = shape.map((dim) => (typeof dim === "number" ? dim : n));
          const data = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, at) =>
            element(dims, axis, at, cache.length),
          );
          return [`present.${name}`, { dtype: "f32", shape: dims, data }] as const;
        });
        cache.append(Object.fromEntries(rows), n, new Uint8Array(n).fill(1));
      }
      for (const { name, axis } of parts) {
        const { data, shape } = cache.feeds()[`past.${name}`];
        const wrong = [...(data as Float32Array).keys()].filter(
          (at) => placeOf(shape, axis, at) < cache.length && data[at] !== element(shape, axis, at, 0),
        );
        expect(wrong).toEqual([]);
      }
    }),
    { numRuns: 30 },
  );
});

/** The token of an element, and a number that tells which element it is, of tokens from `from` on. */
const innerOf = (shape: readonly number[], axis: number): number => shape.slice(axis + 1).reduce((a, b) => a * b, 1);
const placeOf = (shape: readonly number[], axis: number, at: number): number =>
  Math.floor(at / innerOf(shape, axis)) % shape[axis];
function element(shape: readonly number[], axis: number, at: number, from: number): number {
  const inner = innerOf(shape, axis);
  const outer = Math.floor(at / inner / shape[axis]);
  return (outer * inner + (at % inner)) * 4096 + from + placeOf(shape, axis, at);
}
