/** Labels for learning to see letters: which character lies under each patch of the vision tower. */

import type { Glyph } from "./page.ts";

/**
 * The code point of the character whose centre lies in each patch, 0 for none; where several do, the one nearest the
 * patch's centre. The image is width×height and is cut, after resizing, into cols×rows patches; by rows.
 */
export function patchLabels(
  glyphs: readonly Glyph[],
  width: number,
  height: number,
  cols: number,
  rows: number,
): Int32Array {
  const labels = new Int32Array(cols * rows);
  const nearest = new Float64Array(cols * rows).fill(Number.POSITIVE_INFINITY);
  for (const { char, x, y } of glyphs) {
    const [u, v] = [(x * cols) / width, (y * rows) / height];
    const [column, row] = [Math.floor(u), Math.floor(v)];
    if (char.trim() === "" || column < 0 || row < 0 || column >= cols || row >= rows) continue;
    const distance = (u - column - 0.5) ** 2 + (v - row - 0.5) ** 2;
    const patch = row * cols + column;
    if (distance >= nearest[patch]) continue;
    nearest[patch] = distance;
    labels[patch] = char.codePointAt(0)!;
  }
  return labels;
}
