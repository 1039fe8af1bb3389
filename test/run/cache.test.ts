/** Caches in buffers: a prompt read in pieces, in floats and in bytes, against the whole prompt without a cache. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { size } from "../../src/graph/shape.ts";
import { input } from "../../src/graph/tensor.ts";
import { byteCache, floatCache } from "../../src/models/cache.ts";
import { miniMonkey } from "../../src/models/mini-monkey.ts";
import { merged } from "../../src/models/text-model.ts";
import { buffers } from "../../src/run/cache.ts";
import { graphFeatures, graphIds, languageGraph, visual } from "../../src/run/language.ts";
import { openSeat } from "../support/language.ts";
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
    const language = await openSeat(engine, languageGraph(words, cache(words)), model, placeholder);
    for (let again = 0; again < 2; again++) {
      expect(gap(await language.prefill({ ids, features }), await whole(ids))).toBeLessThan(tolerance);
      expect(gap(await language.step(9), await whole([...ids, 9]))).toBeLessThan(tolerance);
      expect(gap(await language.step(17), await whole([...ids, 9, 17]))).toBeLessThan(tolerance);
    }
    await language.close();
  });
});

test("a piece of a prompt looks through no more room than what it and those before it need, also behind a longer prompt", async () => {
  const rooms: number[] = [];
  const watching: typeof engine = {
    async open(graph) {
      const session = await engine.open(graph);
      return {
        close: () => session.close(),
        run(feeds) {
          rooms.push(feeds.seen.shape[1]);
          return session.run(feeds);
        },
      };
    },
  };
  const language = await openSeat(watching, languageGraph(words), model, placeholder);
  await language.prefill({ ids, features });
  await language.prefill({ ids: [7, ...ids.slice(1, 250)], features: new Float32Array() });
  await language.close();
  expect(rooms).toEqual([256, 256, 512, 512, 768, 768, 256, 256]);
});

test("rows written behind each other lie in their seat's buffers in order, however the room grows and shrinks", () => {
  const rows = size("rows");
  const parts = [
    { name: "along the last axis", axis: 3, shape: [rows, 2, 3, size("tokens")] },
    { name: "before the last axis", axis: 2, shape: [rows, 2, size("tokens"), 3] },
    { name: "one number a row", axis: 2, shape: [rows, 2, size("tokens")] },
  ];
  const graph = Object.fromEntries(parts.map(({ name, shape }) => [`present.${name}`, input(name, shape)]));
  const pieces = fc.record({
    n: fc.integer({ min: 1, max: 300 }),
    seat: fc.integer({ min: 0, max: 2 }),
    cut: fc.nat(600),
    ahead: fc.nat(700),
  });
  fc.assert(
    fc.property(fc.array(pieces, { minLength: 1, maxLength: 8 }), (given) => {
      const cache = buffers(graph, 3);
      for (const { n, seat, cut, ahead } of given) {
        cache.cut(seat, cache.length(seat) - Math.min(cut, cache.length(seat)));
        const all = cache.length(seat) + n;
        cache.reserve(all, all + ahead);
        const results = parts.map(({ name, axis, shape }) => {
          const dims = [2, ...shape.slice(1).map((dim) => (typeof dim === "number" ? dim : n))];
          const length = dims.reduce((a, b) => a * b);
          // The second of two rows is the seat's.
          const data = Float32Array.from({ length }, (_, at) =>
            at < length / 2 ? -1 : element(dims, axis, at - length / 2, cache.length(seat), seat),
          );
          return [`present.${name}`, { dtype: "f32", shape: dims, data }] as const;
        });
        const seen = Uint8Array.from({ length: n }, (_, i) => (cache.length(seat) + i) % 2);
        cache.append(Object.fromEntries(results), 1, seat, n, seen);
      }
      const longest = Math.max(...[0, 1, 2].map((seat) => cache.length(seat)));
      cache.reserve(longest);
      expect(cache.feeds(0, 3).seen.shape).toEqual([3, Math.max(1, Math.ceil(longest / 256)) * 256]);
      for (let seat = 0; seat < 3; seat++) {
        const feeds = cache.feeds(seat, 1);
        expect(feeds.length.data).toEqual(BigInt64Array.of(BigInt(cache.length(seat))));
        for (const { name, axis } of parts) {
          const { data, shape } = feeds[`past.${name}`];
          const wrong = [...(data as Float32Array).keys()].filter(
            (at) => placeOf(shape, axis, at) < cache.length(seat) && data[at] !== element(shape, axis, at, 0, seat),
          );
          expect(wrong).toEqual([]);
        }
        const seen = [...(feeds.seen.data as Uint8Array)].slice(0, cache.length(seat));
        expect(seen).toEqual(seen.map((_, i) => i % 2));
      }
    }),
    { numRuns: 30 },
  );
});

/** The token of an element, and a number that tells which element it is, of tokens from `from` on. */
const innerOf = (shape: readonly number[], axis: number): number => shape.slice(axis + 1).reduce((a, b) => a * b, 1);
const placeOf = (shape: readonly number[], axis: number, at: number): number =>
  Math.floor(at / innerOf(shape, axis)) % shape[axis];
function element(shape: readonly number[], axis: number, at: number, from: number, seat: number): number {
  const inner = innerOf(shape, axis);
  const outer = Math.floor(at / inner / shape[axis]);
  return (outer * inner + (at % inner)) * 4096 + from + placeOf(shape, axis, at) + seat * 1e6;
}
