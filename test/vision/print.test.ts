/** Where print lies and how large it is, against pages whose letters' places are known. */
import { describe, expect, test } from "vitest";
import { draw } from "../../src/data/draw.ts";
import type { Page } from "../../src/data/page.ts";
import type { Image } from "../../src/vision/image.ts";
import { cropped, printIn, scaled, shownOf } from "../../src/vision/print.ts";
import { scale } from "../../src/vision/tiles.ts";
import { parseTiling } from "../../src/vision/tilings.ts";

const pages = (kind: Page["kind"], effects: number): Promise<Page[]> =>
  Promise.all(Array.from({ length: 12 }, (_, i) => draw(kind, 31_000 + 77 * i, { fonts: "train", effects })));

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const letterOf = ({ glyphs }: Page): number => median(glyphs.map(({ width }) => width));

/** An image in the middle of a large sheet with the specks of a scanner. */
function onSheet(image: Image, width: number, height: number, left: number, top: number): Image {
  const data = new Uint8Array(3 * width * height).fill(255);
  for (let i = 0; i < 60; i++)
    data.fill(0, 3 * ((i * 7919 * 31) % (width * height - 3)), 3 * ((i * 7919 * 31) % (width * height - 3)) + 9);
  for (let y = 0; y < image.height; y++)
    data.set(image.data.subarray(3 * y * image.width, 3 * (y + 1) * image.width), 3 * ((top + y) * width + left));
  return { data, width, height };
}

describe("the print of a page", () => {
  test.each(["receipt", "invoice", "table", "form", "letter"] as const)(
    "of kind %s holds every letter, and tells their width to a third, to a fifth in the middle of twelve",
    async (kind) => {
      const ratios: number[] = [];
      for (const page of await pages(kind, 0.6)) {
        const { part, letter } = printIn(page.image);
        for (const { x, y } of page.glyphs) {
          expect(x >= part.x && x < part.x + part.width && y >= part.y && y < part.y + part.height).toBe(true);
        }
        ratios.push(letter! / letterOf(page));
      }
      for (const ratio of ratios) expect(Math.abs(Math.log(ratio))).toBeLessThan(Math.log(1.5));
      expect(Math.abs(Math.log(median(ratios)))).toBeLessThan(Math.log(1.2));
    },
  );

  test("on a large sheet with specks is found, and its letters are as wide as without the sheet", async () => {
    const [{ image }] = await pages("receipt", 0);
    const alone = printIn(image);
    const { part, letter } = printIn(onSheet(image, 1600, 2000, 400, 640));
    // Specks that lie close to the print are taken for a part of it.
    expect(part.width).toBeLessThanOrEqual(image.width + 96);
    expect(part.height).toBeLessThanOrEqual(image.height + 96);
    expect(Math.abs(part.x - 400 - alone.part.x)).toBeLessThanOrEqual(64);
    expect(Math.abs(part.y - 640 - alone.part.y)).toBeLessThanOrEqual(64);
    expect(letter! / alone.letter!).toBeCloseTo(1, 1);
  });

  test.each([0, 128, 255])("of a sheet of one colour, %d, is all of it, with letters of no width", (level) => {
    const image = { data: new Uint8Array(3 * 90 * 70).fill(level), width: 90, height: 70 };
    expect(printIn(image)).toEqual({ part: { x: 0, y: 0, width: 90, height: 70 }, letter: null });
  });
});

describe("print:1..12", () => {
  const tiling = parseTiling("print:1..12");

  test("shows small print of a large sheet at the size at which it is read, where native shrinks it", async () => {
    const [page] = await pages("invoice", 0);
    const sheet = onSheet(page.image, 1600, 2000, 400, 640);
    const { part, plan } = await shownOf(sheet, tiling, 224, () => sheet);
    expect(scale(parseTiling("native:1..12").plan(1600, 2000, 224), 224, sheet)).toBeLessThan(0.5);
    expect(scale(plan, 224, part)).toBeGreaterThan(1);
    expect(plan.tiles.length).toBeLessThanOrEqual(12);
  });

  test("never enlarges more than twice, nor large letters, and shrinks only what has no room", () => {
    const small = { width: 100, height: 50 };
    for (const [letter, expected] of [
      [1, 2],
      [5.5, 2],
      [8, 11 / 8],
      [11, 1],
      [40, 1],
    ])
      expect(scale(tiling.plan(100, 50, 224, letter), 224, small)).toBeCloseTo(expected, 1);
    expect(scale(tiling.plan(3000, 3000, 224, 5), 224, { width: 3000, height: 3000 })).toBeLessThan(0.25);
  });

  test("looks at pixels of any size: the part is told in the image's own", async () => {
    const [{ image }] = await pages("receipt", 0);
    const sheet = onSheet(image, 1600, 2000, 400, 640);
    const own = await shownOf(sheet, tiling, 224, () => sheet);
    const doubled = await shownOf({ width: 3200, height: 4000 }, tiling, 224, () => sheet);
    expect(doubled.part).toEqual(scaled(own.part, 2, 2));
  });
});

test("a part of an image is its pixels there", () => {
  const data = Uint8Array.from({ length: 3 * 5 * 4 }, (_, i) => i);
  const { data: part } = cropped({ data, width: 5, height: 4 }, { x: 1, y: 2, width: 2, height: 2 });
  expect([...part]).toEqual([33, 34, 35, 36, 37, 38, 48, 49, 50, 51, 52, 53]);
});
