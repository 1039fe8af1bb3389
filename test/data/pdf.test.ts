import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PdfPage, pdfPages } from "../../src/data/pdf.ts";
import { FormatError } from "../../src/errors.ts";
import { pdf } from "../support/pdf.ts";

async function all(bytes: Uint8Array, width = 400): Promise<PdfPage[]> {
  const list: PdfPage[] = [];
  for await (const page of pdfPages(bytes, { width, name: "a.pdf" })) list.push(page);
  return list;
}

const text = "BT /F1 20 Tf 10 60 Td (Total 12.40) Tj 0 -30 Td (Thanks) Tj ET";

describe("pdfPages", () => {
  it("gives the pixels, the lines and the pages in order", async () => {
    const [first, second] = await all(pdf([text, "BT /F1 10 Tf 10 10 Td (two) Tj ET"]));
    expect(first.lines).toEqual(["Total 12.40", "Thanks"]);
    expect(first.text).toBe("Total 12.40\nThanks");
    expect([first.image.width, first.image.height, first.image.data.length]).toEqual([400, 200, 400 * 200 * 3]);
    expect([first.number, second.number, second.text]).toEqual([1, 2, "two"]);
  });

  it("places each character where the page prints it", async () => {
    const [{ glyphs, image }] = await all(pdf([text]));
    expect(glyphs.map(({ char }) => char).join("")).toBe("Total12.40Thanks");
    // Courier is 0.6 em wide: the first letter spans 10 to 22 points, and 2 pixels are a point.
    expect(glyphs[0].x).toBeCloseTo(32, 0);
    expect(glyphs[0].width).toBeCloseTo(24, 0);
    // The baseline is 40 points from the top; the middle of the letters is about a third of an em above it.
    expect(Math.abs(glyphs[0].y - (80 - 40 / 3))).toBeLessThan(4);
    for (const { char, x, y, width, height } of glyphs) {
      let darkest = 255;
      for (let v = Math.floor(y - height); v < y + height; v++) {
        for (let u = Math.floor(x - width / 2); u < x + width / 2; u++) {
          darkest = Math.min(darkest, image.data[(v * image.width + u) * 3]);
        }
      }
      expect(darkest, char).toBeLessThan(128);
    }
  });

  it("renders text without coloured fringes", async () => {
    const [{ image }] = await all(pdf([text]));
    const { data } = image;
    expect(data.every((level, i) => level === data[i - (i % 3)])).toBe(true);
  });

  it("says which file is no PDF", async () => {
    await expect(all(Buffer.from("hello"))).rejects.toThrow(FormatError);
    await expect(all(Buffer.from("hello"))).rejects.toThrow(/^"a\.pdf": cannot be opened as a PDF/);
  });

  it("says which file has no pages", async () => {
    await expect(all(pdf([]))).rejects.toThrow(new FormatError('"a.pdf": has no pages; save the file again'));
  });

  it("reads or throws FormatError, whatever bytes are damaged", async () => {
    const whole = pdf([text]);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (at, byte, cut) => {
        const damaged = Buffer.from(cut ? whole.subarray(0, at) : whole);
        if (!cut) damaged[at] = byte;
        try {
          expect(Array.isArray(await all(damaged, 100))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 80 },
    );
  });
});
