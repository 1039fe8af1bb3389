/** Files of every format and kind become the pixels they hold; anything else is a FormatError of one sentence. */
import fc from "fast-check";
import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { decoder, measure, png } from "../../src/vision/decode.ts";
import type { Image } from "../../src/vision/image.ts";
import { sniff } from "../../src/vision/sniff.ts";

const width = 16;
const height = 8;

/** Left half red, right half blue, a green bottom row: no two of its eight orientations look alike. */
function flag(): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const upper = i % width < width / 2 ? [200, 0, 0] : [0, 0, 200];
    data.set(i < width * (height - 1) ? upper : [0, 200, 0], i * 3);
  }
  return data;
}

const rgb = (): Sharp => sharp(flag(), { raw: { width, height, channels: 3 } });

function pixel({ data, width }: Image, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

/** The largest difference between two byte arrays. */
const gap = (a: Uint8Array, b: Uint8Array): number => a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0);

const files: Record<string, () => Promise<Buffer>> = {
  PNG: () => rgb().png().toBuffer(),
  JPEG: () => rgb().jpeg({ quality: 100, chromaSubsampling: "4:4:4" }).toBuffer(),
  WebP: () => rgb().webp({ lossless: true }).toBuffer(),
  GIF: () => rgb().gif().toBuffer(),
  TIFF: () => rgb().tiff({ compression: "lzw" }).toBuffer(),
  AVIF: () => rgb().avif({ lossless: true }).toBuffer(),
};

describe("formats", () => {
  test.each(Object.entries(files))("%s holds the pixels it was made of", async (format, file) => {
    const bytes = await file();
    const image = await decoder.decode(bytes);
    expect(sniff(bytes)).toBe(format);
    expect([image.width, image.height, image.data.length]).toEqual([width, height, width * height * 3]);
    expect(gap(image.data, flag())).toBeLessThanOrEqual(format === "JPEG" ? 3 : 0);
  });

  test.each([
    ["a palette PNG", () => rgb().png({ palette: true }), 0],
    ["an interlaced PNG", () => rgb().png({ progressive: true }), 0],
    ["a 16-bit PNG", () => rgb().toColourspace("rgb16").png(), 0],
    ["a 16-bit TIFF", () => rgb().toColourspace("rgb16").tiff({ compression: "deflate" }), 0],
    ["a 12-bit AVIF", () => rgb().avif({ lossless: true, bitdepth: 12 }), 1],
  ] as const)("%s becomes RGB of 8 bits", async (_, file, tolerance) => {
    const { data } = await decoder.decode(await file().toBuffer());
    expect(data).toHaveLength(width * height * 3);
    expect(gap(data, flag())).toBeLessThanOrEqual(tolerance);
  });

  test("CMYK keeps its hues: red stays red and blue blue", async () => {
    const image = await decoder.decode(await rgb().toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer());
    expect(image.data).toHaveLength(width * height * 3);
    const [red, blue] = [pixel(image, 1, 1), pixel(image, width - 2, 1)];
    expect(red[0]).toBeGreaterThan(2 * Math.max(red[1], red[2]));
    expect(blue[2]).toBeGreaterThan(1.5 * Math.max(blue[0], blue[1]));
  });

  test.each([
    ["8-bit", () => rgb().greyscale().png()],
    ["16-bit", () => rgb().greyscale().toColourspace("grey16").png()],
    ["1-bit", () => rgb().threshold(60).tiff({ bitdepth: 1, compression: "none" })],
  ] as const)("%s grey has three equal channels", async (_, file) => {
    const { data } = await decoder.decode(await file().toBuffer());
    expect(data).toHaveLength(width * height * 3);
    expect(new Set(data).size).toBeGreaterThan(1);
    for (let i = 0; i < data.length; i += 3) expect([data[i + 1], data[i + 2]]).toEqual([data[i], data[i]]);
  });

  test("an animation gives its first frame", async () => {
    const frames = Buffer.concat([Buffer.alloc(12, 10), Buffer.alloc(12, 240)]);
    const stack = sharp(frames, { raw: { width: 2, height: 4, channels: 3, pageHeight: 2 } });
    const image = await decoder.decode(await stack.gif().toBuffer());
    expect([image.width, image.height]).toEqual([2, 2]);
    expect(image.data[0]).toBe(10);
  });
});

describe("alpha", () => {
  const rgba = Buffer.from([255, 0, 0, 0, 255, 0, 0, 128, 255, 0, 0, 255, 0, 0, 0, 64]);
  const transparent = (): Sharp => sharp(rgba, { raw: { width: 4, height: 1, channels: 4 } });

  test.each([
    ["PNG", () => transparent().png()],
    ["16-bit PNG", () => transparent().toColourspace("rgb16").png()],
    ["WebP", () => transparent().webp({ lossless: true })],
    ["TIFF", () => transparent().tiff({ compression: "none" })],
  ] as const)("%s is laid on white", async (_, file) => {
    const { data } = await decoder.decode(await file().toBuffer());
    expect(gap(data, Uint8Array.from([255, 255, 255, 255, 127, 127, 255, 0, 0, 191, 191, 191]))).toBeLessThanOrEqual(1);
  });
});

describe("EXIF orientation", () => {
  /** For each orientation, where the stored top left, top right and bottom left corners are seen. */
  const seen: ReadonlyArray<readonly [number, string, string, string]> = [
    [1, "top left", "top right", "bottom left"],
    [2, "top right", "top left", "bottom right"],
    [3, "bottom right", "bottom left", "top right"],
    [4, "bottom left", "bottom right", "top left"],
    [5, "top left", "bottom left", "top right"],
    [6, "top right", "bottom right", "top left"],
    [7, "bottom right", "top right", "bottom left"],
    [8, "bottom left", "top left", "bottom right"],
  ];

  test.each(seen)("%i shows the stored top left at the %s", async (orientation, topLeft, topRight, bottomLeft) => {
    const bytes = await rgb().withMetadata({ orientation }).png().toBuffer();
    const image = await decoder.decode(bytes);
    const corner = (place: string) =>
      pixel(image, place.includes("left") ? 0 : image.width - 1, place.includes("top") ? 0 : image.height - 1);
    expect([corner(topLeft), corner(topRight), corner(bottomLeft)]).toEqual([
      [200, 0, 0],
      [0, 0, 200],
      [0, 200, 0],
    ]);
    expect(await measure(bytes)).toEqual({ width: image.width, height: image.height });
    expect(image.width).toBe(orientation >= 5 ? height : width);
  });
});

/** A PNG header that claims any size, with next to no data behind it. */
async function claiming(w: number, h: number): Promise<Uint8Array> {
  const bytes = await files.PNG();
  bytes.writeUInt32BE(w, 16);
  bytes.writeUInt32BE(h, 20);
  let crc = -1;
  for (const byte of bytes.subarray(12, 29)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  bytes.writeUInt32BE((crc ^ -1) >>> 0, 29);
  return bytes;
}

describe("bad files", () => {
  test.each([
    ["an empty file", async () => new Uint8Array(), /^"page\.png": empty file, expected PNG/],
    [
      "text",
      async () => Buffer.from("hello"),
      /^"page\.png": starts with 68 65 6c 6c, which is no image; expected PNG/,
    ],
    ["an SVG", async () => Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"), /which is no image/],
    ["a PNG of no width", () => claiming(0, 8), /^"page\.png": .*PNG/],
    [
      "a PNG that claims 3.6 gigapixels",
      () => claiming(60000, 60000),
      /60000 x 60000 is 3,600,000,000 pixels, the limit is 100,000,000/,
    ],
    ["a PNG of half its rows", () => claiming(16, 16), /damaged or cut short, cannot be decoded as PNG/],
  ] as const)("%s is refused", async (_, file, message) => {
    const failure = decoder.decode(await file(), { name: "page.png" });
    await expect(failure).rejects.toThrow(FormatError);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.not.toThrow(/\n|vips/i);
  });

  test("the pixel limit is the caller's and counts whole pixels", async () => {
    const bytes = await files.PNG();
    await expect(decoder.decode(bytes, { maxPixels: 127 })).rejects.toThrow("16 x 8 is 128 pixels, the limit is 127");
    expect((await decoder.decode(bytes, { maxPixels: 128 })).width).toBe(width);
  });

  test.each(Object.entries(files))("half of a %s file is refused", async (_, file) => {
    const bytes = await file();
    await expect(decoder.decode(bytes.subarray(0, bytes.length / 2))).rejects.toThrow(/damaged or cut short/);
  });

  test.each(Object.entries(files))("a damaged %s file is refused or gives a whole image", async (_, file) => {
    const bytes = await file();
    const damage = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(damage, fc.nat(bytes.length), async (changes, length) => {
        const copy = Uint8Array.from(bytes);
        for (const [at, value] of changes) copy[at] = value;
        const outcome = await decoder
          .decode(length % 2 ? copy.subarray(0, length) : copy, { maxPixels: 1e5 })
          .catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(FormatError);
        else expect((outcome as Image).data).toHaveLength((outcome as Image).width * (outcome as Image).height * 3);
      }),
      { numRuns: 40 },
    );
  });
});

test("a PNG that was written is read back as it was", async () => {
  const image = { data: flag(), width, height };
  expect(await decoder.decode(await png(image))).toEqual(image);
});
