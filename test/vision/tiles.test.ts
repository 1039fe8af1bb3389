/** Tiles and normalised tensors against the authors' own. */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { resize } from "../../src/vision/resize.ts";
import { cut, normalise, scale } from "../../src/vision/tiles.ts";
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

describe("normalise", () => {
  test("torchvision's ToTensor and Normalize give the same floats", async () => {
    const reference = tensor("normalized.safetensors", "gradient_200x150__imagenet_112");
    const { data } = resize(await source("gradient_200x150.png"), 112, 112);
    expect(normalise(data, 1, 112)).toEqual(reference);
  });

  test("tiles and channels land apart", () => {
    const bytes = Uint8Array.from([0, 0, 0, 255, 0, 0]);
    const pixels = normalise(bytes, 2, 1);
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
    ["msac:detailed=1..1,adaptive=4..4", 896, 896, 1],
  ])("%s sees %i x %i at %f", (spec, width, height, expected) => {
    const size = { width, height };
    expect(scale(parseTiling(spec).plan(width, height, 448), 448, size)).toBeCloseTo(expected, 12);
  });
});
