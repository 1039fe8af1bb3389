/** Cells that end in gaps: no letter is cut where there is a gap to cut in, and nothing is lost or moved wrongly. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { draw } from "../../src/data/draw.ts";
import { cellsInGaps, evenCells, onSheet } from "../../src/vision/gaps.ts";
import type { Image } from "../../src/vision/image.ts";
import { cut, laid } from "../../src/vision/tiles.ts";
import { parseTiling } from "../../src/vision/tilings.ts";

/** A white image with black boxes. */
function boxes(
  width: number,
  height: number,
  list: readonly (readonly [x: number, y: number, w: number, h: number])[],
): Image {
  const data = new Uint8Array(3 * width * height).fill(255);
  for (const [x, y, w, h] of list)
    for (let row = y; row < y + h; row++) data.fill(0, 3 * (row * width + x), 3 * (row * width + x + w));
  return { width, height, data };
}

/** Boxes of striped ink, side by side with gaps, as letters are. */
const letters = fc.array(fc.tuple(fc.integer({ min: 4, max: 16 }), fc.integer({ min: 7, max: 12 })), {
  minLength: 8,
  maxLength: 14,
});

describe("cells in gaps", () => {
  test("no letter of a line is cut, whatever the letters' widths", () => {
    fc.assert(
      fc.property(letters, (list) => {
        let x = 8;
        const placed = list.map(([wide, gap]) => {
          const box = [x, 10, wide, 20] as const;
          x += wide + gap;
          return box;
        });
        const [, ...cuts] = cellsInGaps(boxes(x, 40, placed), Math.ceil((x * 1.25) / 100), 1, 100).lefts[0];
        for (const at of cuts) for (const [left, , wide] of placed) expect(at <= left || at >= left + wide).toBe(true);
      }),
    );
  });

  test("rows end between lines, and each row has columns of its own", () => {
    const page = boxes(150, 150, [
      [5, 60, 70, 30],
      [85, 60, 60, 30],
      [5, 110, 50, 30],
      [65, 110, 80, 30],
    ]);
    const { tops, lefts } = cellsInGaps(page, 2, 2, 100);
    expect(tops[1] > 90 && tops[1] <= 100).toBe(true);
    expect(lefts[0][1] > 75 && lefts[0][1] <= 85).toBe(true);
    expect(lefts[1][1]).toBe(100);
  });

  test("every cell holds at most its side, and together they hold the image", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 90 }),
        fc.integer(),
        (width, height, seed) => {
          const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 7919 + seed) & 255);
          const [columns, rows] = [Math.ceil(width / 20), Math.ceil(height / 20)];
          const { tops, lefts } = cellsInGaps({ width, height, data }, columns, rows, 20);
          for (const [starts, length, cells] of [
            [tops, height, rows] as const,
            ...lefts.map((l) => [l, width, columns] as const),
          ]) {
            expect([starts[0], starts.at(-1), starts.length]).toEqual([0, length, cells + 1]);
            for (const [i, end] of starts.slice(1).entries())
              expect(end - starts[i] >= 0 && end - starts[i] <= 20).toBe(true);
          }
        },
      ),
    );
  });

  test("an empty page is cut where its cells are full", () => {
    const page = boxes(150, 40, []);
    expect(cellsInGaps(page, 2, 1, 100)).toEqual(evenCells(page, 2, 1, 100));
  });
});

describe("of a drawn line", () => {
  test.each([1, 2, 3, 4, 5, 6])(
    "number %i each pixel lies on the sheet where onSheet says, and the rest is white",
    (seed) => {
      const { image } = draw("line", seed, { fonts: "train", effects: 0 });
      const plan = parseTiling("native:1..12").plan(image.width, image.height, 224);
      const cells = laid(image, plan, "detailed", 224);
      const tiles = cut(image, plan, 224);
      const white = { ...cells.shown, data: new Uint8Array(cells.shown.data.length).fill(255) };
      const around = cut(image, plan, 224, () => ({ ...cells, shown: white }));
      expect(around.every((byte) => byte === 255)).toBe(true);
      const { width, height, data } = cells.shown;
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const [left, top] = onSheet(cells, x, y, 224);
          const tile = Math.floor(top / 224) * plan.detailed[0] + Math.floor(left / 224);
          const at = 3 * ((tile * 224 + (top % 224)) * 224 + (left % 224));
          if (tiles[at] !== data[3 * (y * width + x)]) expect([x, y]).toBe("in its place");
        }
    },
  );
});
