/** SCM's rivals: by lot, by difference, and by attention inside the language model. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Compression, VisualPrompt } from "../../src/compress/compression.ts";
import { divprune } from "../../src/compress/divprune.ts";
import { fastv } from "../../src/compress/fastv.ts";
import { cosines } from "../../src/compress/likeness.ts";
import { randomly } from "../../src/compress/random.ts";
import { Random } from "../../src/data/random.ts";
import { methodNames, parseCompression } from "../../src/run/methods.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { drawn, floats } from "../support/values.ts";

/** Points of the plane as the only window, behind `before` other tokens and before one; what was asked of it. */
function prompt(points: readonly number[][], before = 0): VisualPrompt & { asked: unknown[] } {
  const asked: unknown[] = [];
  const cosine = ([a, b]: number[], [c, d]: number[]) => (a * c + b * d) / Math.hypot(a, b) / Math.hypot(c, d);
  return {
    tokens: before + points.length + 1,
    windows: [{ from: before, to: before + points.length }],
    features: Float32Array.from(points.flat()),
    attention: async (...what) => {
      asked.push(...what);
      return [Float32Array.from(points, ([x]) => x)];
    },
    likeness: async () => {
      asked.push("likeness");
      return [Float32Array.from(points.flatMap((a) => points.map((b) => cosine(a, b))))];
    },
    asked,
  };
}
/** A direction of the plane, in degrees. */
const at = (degrees: number, length = 1): number[] =>
  [Math.cos, Math.sin].map((of) => length * of((degrees * Math.PI) / 180));
const kept = async (method: Compression, given: VisualPrompt): Promise<number[]> => [...(await method.keep(given))];

test("every method keeps ⌊n · ratio⌋ of a window, all tokens outside, ascending, and all at ratio 1", async () => {
  const sizes = fc.record({ n: fc.integer({ min: 1, max: 40 }), ratio: fc.double({ min: 0.01, max: 1, noNaN: true }) });
  await fc.assert(
    fc.asyncProperty(sizes, fc.constantFrom(...methodNames), async ({ n, ratio }, name) => {
      const given = prompt(
        Array.from({ length: n }, (_, i) => at(i * 7)),
        3,
      );
      const found = await kept(parseCompression(`${name}:${ratio}`)!, given);
      const inside = found.filter((i) => i >= 3 && i < 3 + n);
      expect(inside).toHaveLength(Math.floor(n * ratio));
      expect(found.filter((i) => i < 3 || i >= 3 + n)).toEqual([0, 1, 2, n + 3]);
      expect([...found].sort((a, b) => a - b)).toEqual(found);
      expect(await kept(parseCompression(`${name}:1`)!, given)).toHaveLength(n + 4);
    }),
    { numRuns: 60 },
  );
});

describe("random", () => {
  const points = Array.from({ length: 8 }, () => [1, 0]);
  const many = Array.from({ length: 80 }, () => [1, 0]);
  const of = (seed: number) =>
    randomly({
      ratio: 0.25,
      numbers: () => {
        const draws = new Random("rivals", seed);
        return () => draws.real();
      },
    });

  test("keeps the same tokens of each prompt, others with another seed, and looks at nothing", async () => {
    const given = prompt(many);
    const one = of(1);
    expect(await kept(one, given)).toEqual(await kept(one, given));
    expect(await kept(one, given)).not.toEqual(await kept(of(2), given));
    expect(given.asked).toEqual([]);
  });

  test("keeps each token as often as any other", async () => {
    const counts = Array<number>(8).fill(0);
    for (let seed = 0; seed < 2000; seed++)
      for (const i of await kept(of(seed), prompt(points))) if (i < 8) counts[i]++;
    // 500 each, of which the deviation is 19.
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(80);
  });
});

describe("divprune", () => {
  test.each([
    // Its nearest neighbour is farthest from the token at 90, then at 0 nothing is near.
    ["the loneliest first, then what is farthest from it", [0, 10, 90, 95, 200], 2 / 5, [1, 4]],
    ["of equals the first", [0, 0, 180, 180], 0.5, [0, 2]],
    ["no token twice while others are left", [0, 0, 0], 2 / 3, [0, 1]],
    ["whatever their lengths are", [0, 1, 170], 2 / 3, [0, 2]],
  ] as [string, number[], number, number[]][])("keeps %s", async (_, degrees, ratio, expected) => {
    const given = prompt(degrees.map((d, i) => at(d, i + 1)));
    const found = await kept(divprune({ ratio }), given);
    expect(found.slice(0, -1)).toEqual(expected);
    expect(given.asked).toEqual(["likeness"]);
  });

  test("likeness is the cosine of each two tokens, also where one is nothing", async () => {
    const x = drawn([5, 7], 3);
    x.data.fill(0, 7, 14);
    const session = await ortNode({ threads: 1 }).open(cosines(7));
    const { data } = (await session.run({ features: floats(x) })).cosines;
    await session.close();
    const row = (i: number) => [...x.data.slice(7 * i, 7 * i + 7)];
    const dot = (a: number[], b: number[]) => a.reduce((sum, y, i) => sum + y * b[i], 0);
    for (let i = 0; i < 5; i++)
      for (let j = 0; j < 5; j++) {
        const length = Math.sqrt(dot(row(i), row(i)) * dot(row(j), row(j)));
        expect(Number(data[5 * i + j])).toBeCloseTo(length ? dot(row(i), row(j)) / length : 0, 5);
      }
  });
});

test("fastv keeps what all tokens attend to most in the second layer, and takes effect in the third", async () => {
  const given = prompt([[0.1], [0.4], [0.2], [0.4]]);
  const method = fastv({ ratio: 0.5 });
  expect(await kept(method, given)).toEqual([1, 3, 4]);
  expect(given.asked).toEqual([1, "all"]);
  expect(method.layer).toBe(2);
});

describe("a spec", () => {
  test.each([
    ["scm:0.5", "scm 0.5"],
    ["random:0.25,seed=7", "random 0.25"],
    ["divprune:1", "divprune 1"],
    ["fastv:1e-3", "fastv 0.001"],
    ["off", undefined],
  ])("%s", (spec, name) => expect(parseCompression(spec)?.name).toBe(name));

  test.each([
    [
      "half",
      /^no compression "half"; there are scm:0.5, random:0.5, divprune:0.5, fastv:0.5, random:0.5,seed=1 and off$/,
    ],
    ["constructor:0.5", /^no compression "constructor:0.5"/],
    ["scm:0.5,seed=1", /^no compression/],
    ["fastv:0", /^fastv is 0; expected a ratio above 0 and up to 1, or off$/],
    ["random:much", /^random is NaN; expected a ratio/],
  ])("%s is refused", (spec, message) => expect(() => parseCompression(spec)).toThrow(message));
});
