/** Pillow's and torchvision's own results, by their SHA-256, and what must hold for any image. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Image } from "../../src/vision/image.ts";
import { crop, resize } from "../../src/vision/resize.ts";
import { goldenJson, source } from "./golden.ts";

const references: any[] = goldenJson("resize/index.json").filter((r: any) => r.sha256);

const sizes = fc.integer({ min: 1, max: 40 });

function plain(width: number, height: number, value: number): Image {
  return { data: new Uint8Array(width * height * 3).fill(value), width, height };
}

describe("resize", () => {
  test("the reference list has every case", () => expect(references).toHaveLength(15));

  test.each(references)("$source to $width x $height is what $op gave", async (reference) => {
    const { data, width, height } = resize(await source(reference.source), reference.width, reference.height);
    expect([width, height]).toEqual([reference.width, reference.height]);
    expect(createHash("sha256").update(data).digest("hex")).toBe(reference.sha256);
  });

  test("an image of one colour keeps it at every size", () => {
    fc.assert(
      fc.property(sizes, sizes, sizes, sizes, fc.integer({ min: 0, max: 255 }), (w, h, toW, toH, value) => {
        expect(resize(plain(w, h, value), toW, toH)).toEqual(plain(toW, toH, value));
      }),
      { numRuns: 60 },
    );
  });

  test("the same size gives the same pixels", async () => {
    const image = await source("noise_33x47.png");
    expect(resize(image, 33, 47).data).toEqual(image.data);
  });
});

describe("crop", () => {
  test("a crop holds the pixels at its place", () => {
    const image = { data: Uint8Array.from({ length: 4 * 3 * 3 }, (_, i) => i), width: 4, height: 3 };
    const cell = crop(image, 2, 1, 2, 2);
    expect([cell.width, cell.height]).toEqual([2, 2]);
    expect([...cell.data]).toEqual([18, 19, 20, 21, 22, 23, 30, 31, 32, 33, 34, 35]);
  });
});
