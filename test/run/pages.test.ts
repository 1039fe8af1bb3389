/** Pages of PDFs as images. From the build, as a thread draws them. */
import { beforeAll, describe, expect, test } from "vitest";
import type { NamedImage, OpenImage } from "../../src/run/images.ts";
import type { PdfLimits } from "../../src/run/pages.ts";
import { built } from "../support/built.ts";
import { encryptedPdf } from "../support/encrypted-pdf.ts";
import { pdf } from "../support/pdf.ts";

let openImages: (named: NamedImage, limits: PdfLimits) => Promise<OpenImage[]>;
beforeAll(async () => {
  ({ openImages } = await import(built("run/images.js").href));
});

const black = (x: number, width: number): string => `0 g ${x} 0 ${width} 100 re f`;
const open = (image: Uint8Array, asked: Partial<NamedImage> = {}, limits: PdfLimits = {}) =>
  openImages({ name: "a.pdf", image, ...asked }, limits);

/** How much of a page is ink. */
async function ink(page: OpenImage, pixels = { width: 40, height: 20 }): Promise<number> {
  const { data, width, height } = await page.decode(pixels);
  expect([width, height, data.length]).toEqual([pixels.width, pixels.height, 3 * pixels.width * pixels.height]);
  return data.reduce((sum, level) => sum + 1 - level / 255, 0) / data.length;
}

test("each page is an image under its own number, drawn in the pixels that are asked for", async () => {
  const pages = await open(pdf([black(0, 50), black(0, 100), black(0, 150)]), { pages: [{ first: 2, last: 3 }] });
  expect(pages.map(({ name, width, height }) => [name, width, height])).toEqual([
    ["a.pdf#2", 400, 200],
    ["a.pdf#3", 400, 200],
  ]);
  expect(await ink(pages[0])).toBeCloseTo(0.5, 2);
  expect(await ink(pages[1], { width: 80, height: 80 })).toBeCloseTo(0.75, 2);
});

test("pages come in the order in which they are named", async () => {
  const pages = [
    { first: 3, last: 4 },
    { first: 1, last: 1 },
  ];
  const found = await open(pdf([black(0, 50), "", black(0, 150), ""]), { pages });
  expect(found.map(({ name }) => name)).toEqual(["a.pdf#3", "a.pdf#4", "a.pdf#1"]);
  expect(await ink(found[2])).toBeCloseTo(0.25, 2);
});

test("what a page shows is known by the file and its number", async () => {
  const [one, other] = [await open(pdf([black(0, 50), ""])), await open(pdf([black(0, 51), ""]))];
  const known = [...one, ...other].map(({ content }) => Buffer.from(content).toString());
  expect(new Set(known).size).toBe(4);
  expect((await open(pdf([black(0, 50), ""]))).map(({ content }) => Buffer.from(content).toString())).toEqual(
    known.slice(0, 2),
  );
});

describe("an encrypted file", () => {
  const secret = encryptedPdf(black(0, 100), "sesame");
  test("opens with its password", async () => {
    const [page] = await open(secret, { password: "sesame" });
    expect(await ink(page)).toBeCloseTo(0.5, 2);
  });
  test.each([
    ["without it", undefined, '"a.pdf": is encrypted, and opens with its password only; give it'],
    ["with another", "simsim", '"a.pdf": is encrypted, and this password does not open it'],
  ])("%s is refused", async (_, password, message) => {
    await expect(open(secret, { password })).rejects.toMatchObject({ name: "RequestError", message });
  });
});

test.each([
  ["a page that is not there", { pages: [{ first: 3, last: 3 }] }, {}, '"a.pdf": no page 3; it has pages 1 to 2'],
  ["page 0", { pages: [{ first: 0, last: 1 }] }, {}, '"a.pdf": no page 0; it has pages 1 to 2'],
  ["more pages than allowed", {}, { maxPages: 1 }, '"a.pdf": 2 pages in one question, the limit is 1;'],
])("%s is refused by number", async (_, asked, limits, message) => {
  await expect(open(pdf(["", ""]), asked, limits)).rejects.toThrow(message);
});

test("a damaged file is refused, and the next one is read", async () => {
  await expect(open(pdf([""]).subarray(0, 40))).rejects.toMatchObject({ name: "FormatError" });
  expect(await ink((await open(pdf([black(0, 20)])))[0])).toBeCloseTo(0.1, 2);
});

test("of a thousand pages the last is read without the others", async () => {
  const [page, ...others] = await open(pdf([...Array<string>(999).fill("q"), black(0, 100)]), {
    pages: [{ first: 1000, last: 1000 }],
  });
  expect(others).toEqual([]);
  expect(page.name).toBe("a.pdf#1000");
  expect(await ink(page)).toBeCloseTo(0.5, 2);
});

test("a page that takes too long to draw is given up, and the next one is drawn", async () => {
  const endless = `${"0 0 200 100 re f ".repeat(200_000)}`;
  const [page] = await open(pdf([endless]));
  const hurried = await open(pdf([endless]), {}, { maxSeconds: 0.02 })
    .then(
      ([opened]) => opened.decode({ width: 4000, height: 2000 }),
      (error: unknown) => Promise.reject(error),
    )
    .catch((error: Error) => error);
  expect(hurried).toMatchObject({ name: "FormatError", message: expect.stringContaining("0.02 seconds, the limit") });
  expect(await ink(page)).toBeCloseTo(1, 2);
});
