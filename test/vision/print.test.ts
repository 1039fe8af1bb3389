/** Where print lies and how large it is, against pages whose letters' places are known. */
import { createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { draw } from "../../src/data/draw.ts";
import type { Page } from "../../src/data/page.ts";
import { type Image, opaque } from "../../src/vision/image.ts";
import { cropped, printIn, scaled, shownOf } from "../../src/vision/print.ts";
import { scale } from "../../src/vision/tiles.ts";
import { parseTiling } from "../../src/vision/tilings.ts";

const pages = (kind: Page["kind"], effects: number): Promise<Page[]> =>
  Promise.all(Array.from({ length: 12 }, (_, i) => draw(kind, 31_000 + 77 * i, { fonts: "train", effects })));

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const letterOf = ({ glyphs }: Page): number => median(glyphs.map(({ width }) => width));

async function blurred({ data, width, height }: Image, sigma: number): Promise<Image> {
  const soft = sharp(data, { raw: { width, height, channels: 3 } }).blur(sigma);
  return { data: await soft.raw().toBuffer(), width, height };
}

/** An image on a large sheet with the specks of a scanner, and what a pen adds to it. */
function onSheet(
  image: Image,
  width: number,
  height: number,
  left: number,
  top: number,
  add: (pen: SKRSContext2D) => void = () => undefined,
): Image {
  const sheet = createCanvas(width, height).getContext("2d");
  sheet.fillStyle = "#fff";
  sheet.fillRect(0, 0, width, height);
  add(sheet);
  const data = opaque(new Uint8Array(sheet.getImageData(0, 0, width, height).data), width * height);
  return speckled(image, { data, width, height }, left, top);
}

function speckled(image: Image, { data, width, height }: Image, left: number, top: number): Image {
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

  test.each([
    ["a page number", "7", "18px Arial", "#000"],
    ["a faint total", "Total 42.50", "22px Arial", "#d8d8d8"],
  ])("holds %s that stands far from the rest", async (_, text, font, colour) => {
    const [{ image }] = await pages("receipt", 0);
    const sheet = onSheet(image, 1200, 1700, 300, 200, (pen) => {
      pen.font = font;
      pen.fillStyle = colour;
      pen.fillText(text, 1000, 1600);
    });
    const { part } = printIn(sheet);
    expect(part.x + part.width).toBeGreaterThan(1005);
    expect(part.y + part.height).toBeGreaterThan(1598);
  });

  test("is found and measured where it is out of focus, too", async () => {
    for (const page of await pages("receipt", 0)) {
      const sharp = printIn(page.image);
      const soft = printIn(await blurred(page.image, 1.5));
      expect(soft.part.width).toBeGreaterThan(0.9 * sharp.part.width);
      expect(soft.part.height).toBeGreaterThan(0.9 * sharp.part.height);
      // Of light typefaces at 8 pixels a letter some strokes are gone: those left stand up to 2.33 times as far apart.
      expect(Math.abs(Math.log(soft.letter! / sharp.letter!))).toBeLessThan(Math.log(2.4));
    }
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

  test("enlarges print to the width that is asked for", () => {
    const plan = parseTiling("print:1..12,letter=14").plan(100, 50, 224, 10);
    expect(scale(plan, 224, { width: 100, height: 50 })).toBeCloseTo(1.4, 1);
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
