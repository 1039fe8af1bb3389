/** Labels for learning to see letters: which characters lie on each patch of the vision tower. */

import type { Glyph, Page } from "./page.ts";

/** Characters that one patch may hold: print narrower than half a patch is too small to be read. */
export const slots = 2;

/** Which glyphs' centres lie in each patch, as their numbers from left to right, −1 for none; where more do than there are slots, those
 *  nearest the patch's centre. The image is width×height and is cut, after resizing, into cols×rows patches. By rows, [rows · cols · slots]. */
export function patchGlyphs(
  glyphs: readonly Glyph[],
  width: number,
  height: number,
  cols: number,
  rows: number,
): Int32Array {
  const patches = new Map<number, { number: number; u: number; distance: number }[]>();
  glyphs.forEach(({ char, x, y }, number) => {
    const [u, v] = [(x * cols) / width, (y * rows) / height];
    const [column, row] = [Math.floor(u), Math.floor(v)];
    if (char.trim() === "" || column < 0 || row < 0 || column >= cols || row >= rows) return;
    const distance = (u - column - 0.5) ** 2 + (v - row - 0.5) ** 2;
    const patch = row * cols + column;
    patches.set(patch, [...(patches.get(patch) ?? []), { number, u, distance }]);
  });
  const numbers = new Int32Array(cols * rows * slots).fill(-1);
  for (const [patch, here] of patches) {
    const nearest = here.sort((a, b) => a.distance - b.distance).slice(0, slots);
    nearest
      .sort((a, b) => a.u - b.u)
      .forEach(({ number }, slot) => {
        numbers[patch * slots + slot] = number;
      });
  }
  return numbers;
}

/** How many characters back a visual token is asked for what was printed before it. */
export const before = 2;

/** For each glyph the code points of the text one and two characters before it, blanks and line ends included, 0 before the beginning.
 *  The glyphs are the characters of the text but blanks, in order. [glyphs · before]. */
export function charactersBefore({ text, glyphs }: Pick<Page, "text" | "glyphs">): Int32Array {
  const characters = [...text];
  const result = new Int32Array(glyphs.length * before);
  let at = -1;
  glyphs.forEach((_, i) => {
    do at++;
    while (characters[at]?.trim() === "");
    for (let back = 1; back <= before; back++)
      result[i * before + back - 1] = characters[at - back]?.codePointAt(0) ?? 0;
  });
  return result;
}
