import { describe, expect, it } from "vitest";
import { contextOffsets, contexts, patchGlyphs } from "../../src/data/dense.ts";
import type { Glyph } from "../../src/data/page.ts";

/** Code points of the glyphs on the patches, 0 for none. */
const patchLabels = (glyphs: readonly Glyph[], ...grid: [number, number, number, number]): Int32Array =>
  patchGlyphs(glyphs, ...grid).map((i) => (i < 0 ? 0 : glyphs[i].char.codePointAt(0)!));

import { draw } from "../../src/data/draw.ts";

const glyph = (char: string, x: number, y: number) => ({ char, x, y, width: 5, height: 8 });

describe("patchGlyphs", () => {
  it("puts each character in the patch that its centre lies in, scaled to the grid", () => {
    const labels = patchLabels([glyph("A", 25, 10), glyph("€", 75, 40)], 100, 50, 4, 2);
    expect([...labels]).toEqual([0, 65, 0, 0, 0, 0, 0, 0x20ac]);
  });

  it("keeps the character nearest to the centre where several share a patch", () => {
    const glyphs = [glyph("a", 2, 5), glyph("b", 5.5, 5), glyph("c", 9, 5)];
    expect([...patchLabels(glyphs, 20, 10, 2, 1)]).toEqual([98, 0]);
    expect([...patchLabels(glyphs.reverse(), 20, 10, 2, 1)]).toEqual([98, 0]);
  });

  it("leaves out blanks and what lies beyond the image", () => {
    const glyphs = [glyph(" ", 5, 5), glyph("x", -1, 5), glyph("y", 10, 5), glyph("z", 5, 12)];
    expect([...patchLabels(glyphs, 10, 10, 1, 1)]).toEqual([0]);
  });

  it("labels nearly every letter of a block at a patch of half a letter", () => {
    const { glyphs, image } = draw("block", 5, { effects: 0 });
    const labels = patchLabels(glyphs, image.width, image.height, 64, 64);
    const seen = labels.filter((code) => code).length;
    expect(seen).toBeGreaterThan(0.9 * glyphs.length);
    expect(seen).toBeLessThanOrEqual(glyphs.length);
  });
});

it("the context of a glyph is the text around it, blanks included, and nothing beyond its ends", () => {
  const text = "ab\nc d";
  const glyphs = [..."abcd"].map((char) => ({ char, x: 0, y: 0, width: 1, height: 1 }));
  const around = (i: number): string[] =>
    [...contexts({ text, glyphs }).slice(i * contextOffsets.length, (i + 1) * contextOffsets.length)].map((code) =>
      code ? String.fromCodePoint(code) : "-",
    );
  expect([0, 1, 2, 3].map(around)).toEqual([
    ["a", "-", "-", "b", "\n"],
    ["b", "-", "a", "\n", "c"],
    ["c", "b", "\n", " ", "d"],
    ["d", "c", " ", "-", "-"],
  ]);
});
