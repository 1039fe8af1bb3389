/** Tiles and normalised tensors against the authors' own. */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { resize } from "../../src/vision/resize.ts";
import { cut, imageNet, normalise, scale } from "../../src/vision/tiles.ts";
import { parseTiling } from "../../src/vision/tilings.ts";
import { openSafetensors } from "../../src/weights/safetensors.ts";
import { golden, source } from "./golden.ts";

/** One tensor of a file of golden/resize. */
function tensor(file: string, key: string): unknown {
  const opened = openSafetensors(fileURLToPath(golden(`resize/${file}`)));
  const values = opened.read(key);
  opened.close();
  return values;
}

describe("cut", () => {
  test("the authors' demo tiling at 56 pixels is reproduced byte for byte", async () => {
    const tiles = tensor("msac_demo_tiles_56.safetensors", "tiles_u8_nhwc");
    const image = await source("gradient_200x150.png");
    const plan = parseTiling("msac:order=demo").plan(image.width, image.height, 56);
    expect(plan.detailed).toEqual([4, 3]);
    expect(Buffer.from(cut(image, plan, 56)).equals(tiles as Uint8Array)).toBe(true);
    expect(plan.tiles).toHaveLength(19);
  });
});

describe("cut on a sheet", () => {
  test("native keeps every pixel of an image that fits, and is white beside it", () => {
    const image = { width: 5, height: 3, data: Uint8Array.from({ length: 45 }, (_, i) => i) };
    const plan = parseTiling("native:1..4").plan(5, 3, 4);
    const tiles = cut(image, plan, 4);
    expect(plan.detailed).toEqual([2, 1]);
    for (let y = 0; y < 4; y++)
      for (let x = 0; x < 8; x++) {
        const at = ((x >= 4 ? 16 : 0) + y * 4 + (x % 4)) * 3;
        const expected = x < 5 && y < 3 ? (y * 5 + x) * 3 : undefined;
        expect(tiles[at]).toBe(expected ?? 255);
      }
  });
});

describe("normalise", () => {
  test("torchvision's ToTensor and Normalize give the same floats", async () => {
    const reference = tensor("normalized.safetensors", "gradient_200x150__imagenet_112");
    const { data } = resize(await source("gradient_200x150.png"), 112, 112);
    expect(normalise(data, 1, 112, imageNet)).toEqual(reference);
  });

  test("tiles and channels land apart", () => {
    const bytes = Uint8Array.from([0, 0, 0, 255, 0, 0]);
    const pixels = normalise(bytes, 2, 1, imageNet);
    expect(pixels).toHaveLength(6);
    expect(pixels[3]).toBeCloseTo((1 - 0.485) / 0.229, 6);
    expect([...pixels.subarray(4)]).toEqual([...pixels.subarray(1, 3)]);
  });
});

describe("scale", () => {
  test.each([
    ["msac", 2240, 896, 1],
    ["msac", 1000, 400, 2.24],
    ["single", 896, 448, 0.5],
    ["native:1..12", 300, 100, 1],
    ["native:1..1", 896, 448, 0.5],
    ["msac:detailed=1..1,adaptive=4..4", 896, 896, 1],
  ])("%s sees %i x %i at %f", (spec, width, height, expected) => {
    const size = { width, height };
    expect(scale(parseTiling(spec).plan(width, height, 448), 448, size)).toBeCloseTo(expected, 12);
  });
});
