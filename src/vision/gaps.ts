/** Where print has gaps: cells of a grid that end between lines and words, so that no letter is cut at a tile's edge. */
import type { Image, Size } from "./image.ts";

/** How the parts of an image lie in a grid of square cells: the first row of pixels of each row of cells, and of each of those the first column of
 *  each cell, both with the image's own size as last. Each part lies at the top left of its cell. */
export interface Cells {
  readonly tops: readonly number[];
  readonly lefts: readonly (readonly number[])[];
}

/** A cell may end this part of its side before it is full. */
const early = 1 / 4;

/** Pixels to either side of a cut that should be empty: words stand further apart than letters. */
const around = 3;

/** Cells of `size` pixels a side: their rows end where the image has the least ink across, then each row's columns where that has the least ink down. */
export function cellsInGaps(image: Image, columns: number, rows: number, size: number): Cells {
  const { width, height } = image;
  const light = lightness(image);
  const tops = rows > 1 ? cuts(edges(light, width, 0, height, "down"), rows, size) : [0, height];
  const lefts = Array.from({ length: rows }, (_, row) =>
    columns > 1 ? cuts(edges(light, width, tops[row], tops[row + 1], "across"), columns, size) : [0, width],
  );
  return { tops, lefts };
}

/** Cells that are all full, but the last. */
export function evenCells({ width, height }: Size, columns: number, rows: number, size: number): Cells {
  const even = (length: number, cells: number): number[] =>
    Array.from({ length: cells + 1 }, (_, i) => Math.min(length, i * size));
  return { tops: even(height, rows), lefts: Array.from({ length: rows }, () => even(width, columns)) };
}

/** Where a point of the image lies on the sheet of all cells. */
export function onSheet({ tops, lefts }: Cells, x: number, y: number, size: number): readonly [x: number, y: number] {
  const row = cellOf(tops, y);
  const column = cellOf(lefts[row], x);
  return [x - lefts[row][column] + column * size, y - tops[row] + row * size];
}

const cellOf = (starts: readonly number[], at: number): number =>
  Math.max(0, starts.slice(1, -1).filter((start) => start <= at).length);

/** R + G + B of each pixel. */
function lightness({ data, width, height }: Image): Int16Array {
  const light = new Int16Array(width * height);
  for (let i = 0; i < light.length; i++) light[i] = data[3 * i] + data[3 * i + 1] + data[3 * i + 2];
  return light;
}

/** How much the lightness of rows `from` to `to` changes along each column (`across`: one number a column) or along each row (`down`: one a row).
 *  Paper that darkens slowly has next to none, and neither has a ruled line that a cut may follow. */
function edges(light: Int16Array, width: number, from: number, to: number, way: "across" | "down"): Float64Array {
  const across = way === "across";
  const sums = new Float64Array(across ? width : to - from);
  const before = across ? width : 1;
  for (let y = from + (across ? 1 : 0); y < to; y++)
    for (let x = across ? 0 : 1; x < width; x++) {
      const i = y * width + x;
      sums[across ? x : y - from] += Math.abs(light[i] - light[i - before]);
    }
  return sums;
}

/** The starts of `cells` cells along sums of edges, and the whole length: each cell ends where there is the least around, the later of equals. */
function cuts(sums: Float64Array, cells: number, size: number): number[] {
  const length = sums.length;
  const starts = [0];
  while (starts.length < cells) {
    const latest = Math.min(length, starts.at(-1)! + size);
    const rest = (cells - starts.length) * size;
    const earliest = Math.max(latest - Math.floor(size * early), length - rest);
    starts.push(latest === length ? length : emptiest(sums, earliest, latest));
  }
  return [...starts, length];
}

function emptiest(sums: Float64Array, earliest: number, latest: number): number {
  let [best, least] = [latest, Number.POSITIVE_INFINITY];
  for (let at = latest; at >= earliest; at--) {
    const here = sums.subarray(Math.max(0, at - around), at + around).reduce((a, b) => a + b, 0);
    if (here < least) [best, least] = [at, here];
  }
  return best;
}
