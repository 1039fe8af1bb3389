/** Labels for learning to see letters: which character lies under each patch of the vision tower. */

import type { Glyph, Page } from "./page.ts";

/** Which glyph's centre lies in each patch, as its number, −1 for none; where several do, the one nearest the patch's centre. The image
 *  is width×height and is cut, after resizing, into cols×rows patches; by rows. */
export function patchGlyphs(
  glyphs: readonly Glyph[],
  width: number,
  height: number,
  cols: number,
  rows: number,
): Int32Array {
  const numbers = new Int32Array(cols * rows).fill(-1);
  const nearest = new Float64Array(cols * rows).fill(Number.POSITIVE_INFINITY);
  glyphs.forEach(({ char, x, y }, i) => {
    const [u, v] = [(x * cols) / width, (y * rows) / height];
    const [column, row] = [Math.floor(u), Math.floor(v)];
    if (char.trim() === "" || column < 0 || row < 0 || column >= cols || row >= rows) return;
    const distance = (u - column - 0.5) ** 2 + (v - row - 0.5) ** 2;
    const patch = row * cols + column;
    if (distance >= nearest[patch]) return;
    nearest[patch] = distance;
    numbers[patch] = i;
  });
  return numbers;
}

/** Where around a character its context is read: itself, then two places back, one back, one on and two on in the text. */
export const contextOffsets = [0, -2, -1, 1, 2] as const;

/** For each glyph the code points of the text at those offsets, blanks and line ends included, 0 beyond the ends.
 *  The glyphs are the characters of the text but blanks, in order. */
export function contexts({ text, glyphs }: Pick<Page, "text" | "glyphs">): Int32Array {
  const characters = [...text];
  const result = new Int32Array(glyphs.length * contextOffsets.length);
  let at = -1;
  glyphs.forEach((_, i) => {
    do at++;
    while (characters[at]?.trim() === "");
    contextOffsets.forEach((offset, k) => {
      result[i * contextOffsets.length + k] = characters[at + offset]?.codePointAt(0) ?? 0;
    });
  });
  return result;
}
