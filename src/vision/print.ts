/** Where the print of a page lies and how large its letters are, found without reading it. */
import type { Image, Size } from "./image.ts";
import type { TilePlan, Tiling } from "./tilings.ts";

/** A part of an image, in its pixels. */
export interface Part extends Size {
  readonly x: number;
  readonly y: number;
}

/** The part of an image that holds all print, with a margin, and about how many pixels wide its letters are; null where there are too few to tell. */
export interface Print {
  readonly part: Part;
  readonly letter: number | null;
}

/** What is shown of an image, and how that is cut. */
export interface Shown {
  readonly part: Part;
  readonly plan: TilePlan;
}

/** What `tiling` shows of an image of that size; `pixels` are asked for where it goes by the print. They may have another size than the image; without them
 *  print is supposed all over it. */
export async function shownOf(
  { width, height }: Size,
  tiling: Tiling,
  size: number,
  pixels?: () => Promise<Image> | Image,
): Promise<Shown> {
  if (!tiling.looks || !pixels) return { part: { x: 0, y: 0, width, height }, plan: tiling.plan(width, height, size) };
  const image = await pixels();
  const { part: found, letter } = printIn(image);
  const across = width / image.width;
  const part = scaled(found, across, height / image.height);
  return { part, plan: tiling.plan(part.width, part.height, size, letter === null ? undefined : letter * across) };
}

/** The same part where the image has `across` times as many columns and `down` times as many rows. */
export function scaled({ x, y, width, height }: Part, across: number, down: number): Part {
  const [left, top] = [Math.floor(x * across), Math.floor(y * down)];
  return {
    x: left,
    y: top,
    width: Math.max(1, Math.round((x + width) * across) - left),
    height: Math.max(1, Math.round((y + height) * down) - top),
  };
}

/** The pixels of a part. */
export function cropped(image: Image, { x, y, width, height }: Part): Image {
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(3 * width * height);
  for (let row = 0; row < height; row++) {
    const from = 3 * ((y + row) * image.width + x);
    data.set(image.data.subarray(from, from + 3 * width), 3 * row * width);
  }
  return { data, width, height };
}

/** Side of the squares in which ink is counted. */
const side = 16;

/** Ink is this much darker, in R + G + B, than the mean of its row this many pixels to either side. */
const darker = 60;
const around = 16;

/** Squares of ink that lie no further apart than `near` hang together. They are print where they have this much ink, in all and a square: less than a
 *  digit of 18 pixels, more than the specks that scanners leave. */
const near = 2;
const inkInAll = 34;
const inkInSquare = 6;

/** The print of an image; the whole image where there is none. */
export function printIn(image: Image): Print {
  const [columns, rows] = [Math.ceil(image.width / side), Math.ceil(image.height / side)];
  const counts = inkIn(image, columns, rows);
  let [left, top, right, bottom] = [columns, rows, -1, -1];
  for (const squares of together(counts, columns, rows)) {
    const ink = squares.reduce((sum, at) => sum + counts[at], 0);
    if (ink < inkInAll || ink < inkInSquare * squares.length) continue;
    for (const at of squares) {
      const [column, row] = [at % columns, Math.floor(at / columns)];
      [left, right] = [Math.min(left, column), Math.max(right, column)];
      [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    }
  }
  if (right < 0) return { part: { x: 0, y: 0, width: image.width, height: image.height }, letter: null };
  const [x, y] = [Math.max(0, left - 1) * side, Math.max(0, top - 1) * side];
  const width = Math.min(image.width, (right + 2) * side) - x;
  const height = Math.min(image.height, (bottom + 2) * side) - y;
  const part = { x, y, width, height };
  return { part, letter: letterIn(image, part) };
}

/** Pixels of ink in each square, row by row. */
function inkIn(image: Image, columns: number, rows: number): Uint16Array {
  const counts = new Uint16Array(columns * rows);
  const whole = { x: 0, y: 0, width: image.width, height: image.height };
  for (const [y, ink] of inkOfRows(image, whole)) {
    const row = Math.floor(y / side) * columns;
    for (let x = 0; x < ink.length; x++) counts[row + Math.floor(x / side)] += ink[x];
  }
  return counts;
}

/** Each row of a part, with 1 where a pixel is ink; the same array each time. */
function* inkOfRows({ data, width: columns }: Image, { x, y, width, height }: Part): Generator<[number, Uint8Array]> {
  const light = new Uint16Array(width);
  const sums = new Float64Array(width + 1);
  const ink = new Uint8Array(width);
  for (let row = y; row < y + height; row++) {
    for (let at = 0, i = 3 * (row * columns + x); at < width; at++, i += 3) {
      light[at] = data[i] + data[i + 1] + data[i + 2];
      sums[at + 1] = sums[at] + light[at];
    }
    for (let at = 0; at < width; at++) {
      const [left, right] = [Math.max(0, at - around), Math.min(width, at + around + 1)];
      ink[at] = +(light[at] < (sums[right] - sums[left]) / (right - left) - darker);
    }
    yield [row, ink];
  }
}

/** The squares with ink, in groups that hang together. */
function* together(counts: Uint16Array, columns: number, rows: number): Generator<number[]> {
  const met = new Uint8Array(counts.length);
  for (let first = 0; first < counts.length; first++) {
    if (met[first] || counts[first] === 0) continue;
    const squares = [first];
    met[first] = 1;
    for (const at of squares) {
      const [column, row] = [at % columns, Math.floor(at / columns)];
      for (let y = Math.max(0, row - near); y <= Math.min(rows - 1, row + near); y++)
        for (let x = Math.max(0, column - near); x <= Math.min(columns - 1, column + near); x++) {
          const other = y * columns + x;
          if (met[other] || counts[other] === 0) continue;
          met[other] = 1;
          squares.push(other);
        }
    }
    yield squares;
  }
}

/** Strokes of letters begin this part of a letter's width apart: the median over drawn pages of all kinds, of which nine in ten lie within a third of it. */
const strokes = 0.72;

/** The furthest that strokes of one word lie apart, and the fewest that tell a width. */
const apart = 60;
const fewest = 50;

/** About how wide the letters in a part are: the median distance between the beginnings of strokes along its rows. */
function letterIn(image: Image, part: Part): number | null {
  const distances = new Uint32Array(apart);
  let count = 0;
  for (const [, ink] of inkOfRows(image, part)) {
    let last = -apart;
    for (let at = 1; at < ink.length; at++) {
      if (!ink[at] || ink[at - 1]) continue;
      if (at - last < apart) {
        distances[at - last]++;
        count++;
      }
      last = at;
    }
  }
  if (count < fewest) return null;
  let seen = 0;
  return distances.findIndex((n) => (seen += n) > count / 2) / strokes;
}
