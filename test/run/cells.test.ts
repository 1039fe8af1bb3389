/** Where tiles lie in an image, against the tiles themselves. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawn, placesOf } from "../../src/run/cells.ts";
import type { Image } from "../../src/vision/image.ts";
import { cut } from "../../src/vision/tiles.ts";
import { parseTiling } from "../../src/vision/tilings.ts";

const side = 20;
const noise = (width: number, height: number): Image => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 7919 + ((i * i) % 251)) % 256),
});

test("native tiles that show an image at its own size are its pixels in their cells", async () => {
  const image = noise(3 * side - 7, 2 * side - 5);
  const plan = parseTiling("native:1..12").plan(image.width, image.height, side);
  const tiles = cut(image, plan, side);
  const part = { x: 0, y: 0, width: image.width, height: image.height };
  const places = await placesOf(plan, side, part, async () => image);
  expect(places.length).toBeGreaterThan(3);
  for (const [i, { x, y, width, height, span }] of places.entries()) {
    expect(span).toEqual([side, side]);
    for (let row = 0; row < height; row++) {
      const from = 3 * ((y + row) * image.width + x);
      const at = 3 * side * (i * side + row);
      expect(tiles.subarray(at, at + 3 * width)).toEqual(image.data.subarray(from, from + 3 * width));
    }
  }
});

test.each(["single", "dynamic:1..12", "msac", "native:1..12"])(
  "the cells of each layer of %s cover the part of an image that is shown once",
  async (spec) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 150 }), async (width, height) => {
        const plan = parseTiling(spec).plan(width, height, side);
        const places = await placesOf(plan, side, { x: 5, y: 3, width, height }, async () => noise(width, height));
        expect(places.map(({ layer }) => layer)).toEqual(plan.tiles.map(({ layer }) => layer));
        for (const layer of new Set(places.map(({ layer }) => layer))) {
          const own = places.filter((place) => place.layer === layer);
          expect([Math.min(...own.map(({ x }) => x)), Math.min(...own.map(({ y }) => y))]).toEqual([5, 3]);
          expect(Math.max(...own.map(({ x, width }) => x + width))).toBeCloseTo(5 + width);
          expect(Math.max(...own.map(({ y, height }) => y + height))).toBeCloseTo(3 + height);
          expect(own.reduce((sum, { width, height }) => sum + width * height, 0)).toBeCloseTo(width * height);
        }
      }),
      { numRuns: 60 },
    );
  },
);

describe("the tokens that are kept", () => {
  const seen = {
    source: "a",
    width: 1,
    height: 1,
    scale: 1,
    tiles: { detailed: [1, 1] as const, adaptive: null, global: false },
  };
  const place = { layer: "detailed", x: 0, y: 0, width: 1, height: 1, span: [1, 1] } as const;

  test("are told cell by cell, and counted over all images they are the same", () => {
    const images = [1, 3, 2];
    const views = images.map((tiles) => ({ seen, places: Array.from({ length: tiles }, () => place) }));
    fc.assert(
      fc.property(fc.subarray(Array.from({ length: 24 }, (_, i) => i)), (kept) => {
        const cells = drawn(views, 4, Int32Array.from(kept)).flatMap(({ cells }) => cells!);
        expect(cells.length).toBe(6);
        for (const { tokens } of cells) expect(tokens).toEqual([2, 2]);
        expect(cells.flatMap(({ kept }, i) => (kept ?? [0, 1, 2, 3]).map((token) => 4 * i + token))).toEqual(kept);
      }),
    );
  });

  test("have no rows and columns where a tile's tokens make no square", () => {
    expect(drawn([{ seen, places: [place] }], 32)[0].cells).toMatchObject([{ tokens: [32, 1], kept: null }]);
  });

  test("are not told where they were not asked for", () => {
    expect(drawn([{ seen }], 4)).toEqual([seen]);
  });
});
