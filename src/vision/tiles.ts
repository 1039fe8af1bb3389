/** Cutting an image into the tiles of a plan, and the tensor the vision tower reads. */
import { type Cells, cellsInGaps, evenCells } from "./gaps.ts";
import type { Grid } from "./grids.ts";
import type { Image, Size } from "./image.ts";
import { resize } from "./resize.ts";
import type { Layer, TilePlan } from "./tilings.ts";

/** The smallest size of an image of which no layer of the plan sees less than it could. */
export function finest(plan: TilePlan, size: number): Size {
  const sizes = plan.tiles.map(({ layer }) => layerSize(plan, layer, size).shown);
  return {
    width: Math.max(...sizes.map(({ width }) => width)),
    height: Math.max(...sizes.map(({ height }) => height)),
  };
}

/** A layer's image at the size at which it is seen, and how it lies in the cells. */
export interface Laid extends Cells {
  readonly shown: Image;
}

/** The image as a layer of the plan sees it: resized to (columns * size) x (rows * size), aspect not kept, or to the part of the detailed grid that the
 *  plan fills. */
export function laid(image: Image, plan: TilePlan, name: Layer, size: number): Laid {
  const { columns, rows, shown: at } = layerSize(plan, name, size);
  const shown = resize(image, at.width, at.height);
  const cells = name === "detailed" && plan.gaps ? cellsInGaps : evenCells;
  return { shown, ...cells(shown, columns, rows, size) };
}

/** The grid of a layer, and the size at which it sees an image. */
export function layerSize(plan: TilePlan, name: Layer, size: number): { columns: number; rows: number; shown: Size } {
  const [columns, rows] = gridOf(plan, name);
  const [right, bottom] = name === "detailed" ? plan.filled : [1, 1];
  return {
    columns,
    rows,
    shown: { width: Math.round(columns * size * right), height: Math.round(rows * size * bottom) },
  };
}

/** The tiles of `plan`, each `size` x `size` pixels: uint8 [n, size, size, 3]. What a layer's image leaves of its cells is white. */
export function cut(
  image: Image,
  plan: TilePlan,
  size: number,
  layerOf: (name: Layer) => Laid = (name) => laid(image, plan, name, size),
): Uint8Array {
  const layers = new Map<Layer, Laid>();
  const bytes = 3 * size * size;
  const tiles = new Uint8Array(plan.tiles.length * bytes).fill(255);
  for (const [i, { layer: name, column, row }] of plan.tiles.entries()) {
    const layer = layers.get(name) ?? layerOf(name);
    layers.set(name, layer);
    place(layer, column, row, tiles.subarray(i * bytes, (i + 1) * bytes), size);
  }
  return tiles;
}

/** Copies a cell's part of the image to the top left of its tile. */
function place({ shown, tops, lefts }: Laid, column: number, row: number, tile: Uint8Array, size: number): void {
  const [left, right] = lefts[row].slice(column);
  for (let y = tops[row]; y < tops[row + 1]; y++) {
    const from = 3 * y * shown.width;
    tile.set(shown.data.subarray(from + 3 * left, from + 3 * right), 3 * (y - tops[row]) * size);
  }
}

/** The tiles of these places among `tiles`, uint8 [n, size, size, 3]. */
export function picked(tiles: Uint8Array, size: number, places: readonly number[]): Uint8Array {
  const bytes = 3 * size * size;
  const some = new Uint8Array(places.length * bytes);
  for (const [to, from] of places.entries()) some.set(tiles.subarray(from * bytes, (from + 1) * bytes), to * bytes);
  return some;
}

function gridOf(plan: TilePlan, layer: Layer): Grid {
  return (layer !== "global" && plan[layer]) || [1, 1];
}

/** Mean and standard deviation of R, G and B in 0..1. */
export interface Normal {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Those of ImageNet's pictures, and of those that CLIP (Radford 2021) was trained on. */
export const imageNet: Normal = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
export const clipNormal: Normal = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
};

/** `n` tiles as the vision tower reads them: uint8 [n, size, size, 3] to float32 [n, 3, size, size], (byte / 255 - mean) / deviation of
 *  its channel, each step rounded to float32 as the references do. */
export function normalise(bytes: Uint8Array, n: number, size: number, { mean, deviation }: Normal): Float32Array {
  const normal = mean.map((m, channel) =>
    Float32Array.from({ length: 256 }, (_, byte) =>
      Math.fround(Math.fround(Math.fround(byte / 255) - Math.fround(m)) / Math.fround(deviation[channel])),
    ),
  );
  const area = size * size;
  const pixels = new Float32Array(n * 3 * area);
  for (let tile = 0; tile < n; tile++) {
    for (let channel = 0; channel < 3; channel++) {
      const table = normal[channel];
      const out = (tile * 3 + channel) * area;
      const from = tile * 3 * area + channel;
      for (let i = 0; i < area; i++) pixels[out + i] = table[bytes[from + 3 * i]];
    }
  }
  return pixels;
}

/** The linear scale at which the finest grid sees the image, on its worse axis; below 1 detail is lost. */
export function scale(plan: TilePlan, size: number, { width, height }: Size): number {
  const [right, bottom] = plan.filled;
  const grids = [[plan.detailed[0] * right, plan.detailed[1] * bottom], plan.adaptive ?? [0, 0]];
  return Math.max(...grids.map(([columns, rows]) => Math.min((columns * size) / width, (rows * size) / height)));
}
