import { describe, expect, it } from "vitest";
import { before, charactersBefore, patchGlyphs, slots } from "../../src/data/dense.ts";
import { draw } from "../../src/data/draw.ts";
import type { Glyph } from "../../src/data/page.ts";

/** The characters on each patch, from left to right. */
function patchLabels(glyphs: readonly Glyph[], ...grid: [number, number, number, number]): string[] {
  const numbers = patchGlyphs(glyphs, ...grid);
  return Array.from({ length: numbers.length / slots }, (_, patch) =>
    [...numbers.slice(patch * slots, (patch + 1) * slots)].map((i) => (i < 0 ? "" : glyphs[i].char)).join(""),
  );
}

const glyph = (char: string, x: number, y: number) => ({ char, x, y, width: 5, height: 8 });

describe("patchGlyphs", () => {
  it("puts each character in the patch that its centre lies in, scaled to the grid", () => {
    const labels = patchLabels([glyph("A", 25, 10), glyph("€", 75, 40)], 100, 50, 4, 2);
    expect(labels).toEqual(["", "A", "", "", "", "", "", "€"]);
  });

  it("keeps, from left to right, the two characters nearest to the centre where more share a patch", () => {
    const glyphs = [glyph("c", 9.5, 5), glyph("b", 5.5, 5), glyph("a", 2, 5)];
    expect(patchLabels(glyphs, 20, 10, 2, 1)).toEqual(["ab", ""]);
    expect(patchLabels(glyphs.reverse(), 20, 10, 2, 1)).toEqual(["ab", ""]);
  });

  it("leaves out blanks and what lies beyond the image", () => {
    const glyphs = [glyph(" ", 5, 5), glyph("x", -1, 5), glyph("y", 10, 5), glyph("z", 5, 12)];
    expect(patchLabels(glyphs, 10, 10, 1, 1)).toEqual([""]);
  });

  it("labels nearly every letter of a block at a patch of half a letter", () => {
    const { glyphs, image } = draw("block", 5, { effects: 0 });
    const labels = patchLabels(glyphs, image.width, image.height, 64, 64);
    const seen = labels.join("").length;
    expect(seen).toBeGreaterThan(0.9 * glyphs.length);
    expect(seen).toBeLessThanOrEqual(glyphs.length);
  });
});

it("what stands before a glyph is the text, blanks and line ends included, and nothing before its beginning", () => {
  const text = "ab\nc d";
  const glyphs = [..."abcd"].map((char) => ({ char, x: 0, y: 0, width: 1, height: 1 }));
  const codes = charactersBefore({ text, glyphs });
  const of = (i: number): string =>
    [...codes.slice(i * before, (i + 1) * before)].map((code) => (code ? String.fromCodePoint(code) : "-")).join("");
  expect([0, 1, 2, 3].map(of)).toEqual(["--", "a-", "\nb", " c"]);
});
