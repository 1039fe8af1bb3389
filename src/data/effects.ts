/** What happens to a page between the printer and the file: ink, paper, light, lens, sensor, JPEG. */

import { Image as Bitmap, createCanvas, ImageData } from "@napi-rs/canvas";
import { opaque } from "../vision/image.ts";
import { Random } from "./random.ts";

/** Pixels being worked on: RGB by rows, changed in place. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/** Which effects a page gets, how strong; 0 is without. */
export interface Weather {
  /** Loss of ink, 0..1: overall, and in streaks along the paper as worn thermal heads leave. */
  fade: number;
  streaks: number;
  /** Loss of ink in blots, as water and warmth leave on thermal paper, 0..1. */
  blots: number;
  /** Unevenness of the light, 0..1; depth of a cast shadow, 0..1; darkening towards the corners is part of it. */
  shade: number;
  shadow: number;
  /** Amplitude of the paper's grain and of the sensor's noise, in grey levels. */
  texture: number;
  noise: number;
  /** Share of each pixel that goes to its neighbours, 0..0.5. */
  blur: number;
  /** JPEG quality, 0 for none. */
  jpeg: number;
  /** Contrast of a scanner: grey levels are spread by `gain` around `level`; a gain of 0 leaves the colours. */
  gain: number;
  level: number;
  /** Factor of each channel: the colour of the paper in the light. */
  tint: readonly [number, number, number];
}

/** Draws the weather for a page: at `strength` 0 nothing, at 1 the worst that people still read. */
export function weather(random: Random, strength: number): Weather {
  const some = (most: number, rarity = 1): number =>
    random.chance(Math.min(0.95, 1.1 * strength * rarity)) ? most * strength * random.real(0.2, 1) : 0;
  const dim = some(0.22);
  const warm = some(0.14);
  const cold = some(0.06);
  const jpeg = some(60, 0.5);
  return {
    fade: some(0.55),
    streaks: some(0.5, 0.5),
    blots: 0,
    shade: some(0.4),
    shadow: some(0.5, 0.5),
    texture: some(14),
    noise: some(22),
    blur: some(0.5),
    jpeg: jpeg ? Math.round(88 - jpeg) : 0,
    gain: 0,
    level: 0,
    tint: [1 - dim - cold, 1 - dim - warm * 0.3, 1 - dim - warm],
  };
}

/** The weather of a flat-bed scanner: the light is even and grey, worn print is spread to black on white with ragged edges. */
export function scan(random: Random, strength: number): Weather {
  const open = weather(random, strength);
  const grey = 1 - random.real(0, 0.25) * strength;
  const harsh = random.chance(0.7 * Math.min(1, 2 * strength));
  const blots = random.chance(0.35 * strength) ? random.real(0.2, 0.55) : 0;
  // What ink is left where the print is worst: contrast is spread around a level above it, so that it stays ink.
  const ink = 255 - 240 * (1 - open.fade) * (1 - open.streaks) * (1 - blots);
  return {
    ...open,
    shade: open.shade * 0.4,
    shadow: 0,
    blots,
    noise: open.noise * 1.3,
    blur: Math.max(open.blur, harsh ? random.real(0.1, 0.35) * Math.min(1, 2 * strength) : 0),
    gain: harsh ? random.real(1.2, 1.2 + 3 * strength) : 1,
    level: ink + (255 * grey - ink) * random.real(0.6, 0.9),
    tint: [grey, grey, grey],
  };
}

/** Applies the weather in its physical order: ink and paper in the light, the lens, the sensor, the file. */
export function expose(pixels: Pixels, weather: Weather, random: Random): void {
  const { fade, streaks, blots, shade, shadow, texture, tint } = weather;
  if (fade + streaks + blots + shade + shadow + texture > 0 || tint.some((t) => t < 1)) light(pixels, weather, random);
  if (weather.blur > 0) blur(pixels, weather.blur);
  if (weather.noise > 0) grain(pixels, weather.noise, random);
  if (weather.gain > 0) spread(pixels, weather);
  if (weather.jpeg > 0) jpeg(pixels, weather.jpeg);
}

/** Side of the noise tile, a power of two; one tile serves every page, entered at a random place. */
const side = 256;
let tile: Int8Array | undefined;

/** Bell-shaped noise with a deviation of about 37, as bytes. */
function noiseTile(): Int8Array {
  if (tile) return tile;
  const random = new Random("noise", 0);
  tile = Int8Array.from({ length: side * side }, () => {
    const bits = random.bits();
    return ((bits & 255) + ((bits >> 8) & 255) + ((bits >> 16) & 255) - 382) / 3.5;
  });
  return tile;
}

/** A smooth field: random heights in [-1, 1] on a coarse grid, bilinear between; sampled at every `step` pixels. */
function field(random: Random, columns: number, rows: number, coarse: number): Float32Array {
  const heights = Float32Array.from({ length: (coarse + 1) ** 2 }, () => random.real(-1, 1));
  const out = new Float32Array(columns * rows);
  for (let y = 0; y < rows; y++) {
    const v = (y / Math.max(1, rows - 1)) * (coarse - 1e-6);
    const top = Math.floor(v);
    for (let x = 0; x < columns; x++) {
      const u = (x / Math.max(1, columns - 1)) * (coarse - 1e-6);
      const left = Math.floor(u);
      const at = top * (coarse + 1) + left;
      const upper = heights[at] + (heights[at + 1] - heights[at]) * (u - left);
      const lower = heights[at + coarse + 1] + (heights[at + coarse + 2] - heights[at + coarse + 1]) * (u - left);
      out[y * columns + x] = upper + (lower - upper) * (v - top);
    }
  }
  return out;
}

/** Distance between the points where the light is computed; it is linear in between. */
const step = 16;

/** out = (255 - (255 - v)·ink)·light·tint + grain: ink and light vary over the page. */
function light({ data, width, height }: Pixels, w: Weather, random: Random): void {
  const columns = Math.ceil(width / step) + 2;
  const rows = Math.ceil(height / step) + 2;
  const lights = field(random, columns, rows, random.int(1, 3));
  const angle = random.real(0, 2 * Math.PI);
  const [nx, ny, edge] = [Math.cos(angle), Math.sin(angle), random.real(-0.3, 0.5)];
  const soft = random.real(0.05, 0.4);
  for (let i = 0; i < lights.length; i++) {
    const u = (i % columns) / columns - 0.5;
    const v = Math.floor(i / columns) / rows - 0.5;
    const dark = Math.min(1, Math.max(0, (u * nx + v * ny - edge) / soft));
    lights[i] = (1 - (w.shade * (1 + lights[i])) / 2) * (1 - w.shadow * dark);
  }
  const across = field(random, columns, 1, Math.min(12, columns));
  const inks = field(random, columns, rows, 4);
  for (let i = 0; i < inks.length; i++) {
    const streak = w.streaks * Math.max(0, across[i % columns]);
    // A blot has an edge: ink is lost where the field passes a height, all within a tenth of it.
    const blot = w.blots * Math.min(1, Math.max(0, (inks[i] - 0.25) * 10));
    inks[i] = (1 - w.fade) * (1 - streak) * (1 - blot);
  }
  const clamped = new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
  const tile = noiseTile();
  const [ox, oy] = [random.int(0, side - 1), random.int(0, side - 1)];
  const amplitude = w.texture / 37;
  const [red, green, blue] = w.tint;
  for (let y = 0, o = 0; y < height; y++) {
    const row = Math.floor(y / step) * columns;
    const fy = (y % step) / step;
    const grainRow = ((y + oy) & (side - 1)) * side;
    for (let x = 0; x < width; ) {
      const at = row + x / step;
      const begin = lights[at] + (lights[at + columns] - lights[at]) * fy;
      const end = lights[at + 1] + (lights[at + columns + 1] - lights[at + 1]) * fy;
      const slope = (end - begin) / step;
      const stop = Math.min(width, x + step);
      let k = inks[at] + (inks[at + columns] - inks[at]) * fy;
      const thinning = (inks[at + 1] + (inks[at + columns + 1] - inks[at + 1]) * fy - k) / step;
      for (let bright = begin; x < stop; x++, o += 3, bright += slope, k += thinning) {
        const grain = tile[grainRow + ((x + ox) & (side - 1))] * amplitude;
        clamped[o] = (255 - (255 - data[o]) * k) * bright * red + grain;
        clamped[o + 1] = (255 - (255 - data[o + 1]) * k) * bright * green + grain;
        clamped[o + 2] = (255 - (255 - data[o + 2]) * k) * bright * blue + grain;
      }
    }
  }
}

/** Each pixel gives `share` of itself to its neighbours, first along rows, then along columns. */
function blur({ data, width, height }: Pixels, share: number): void {
  const beside = Math.round(share * 128);
  const self = 256 - 2 * beside;
  const stride = width * 3;
  // The row as it was, with its first and last pixel repeated; then the row above as it was.
  const old = new Uint8Array(stride + 6);
  for (let row = 0; row < data.length; row += stride) {
    old.set(data.subarray(row, row + stride), 3);
    old.set(data.subarray(row, row + 3), 0);
    old.set(data.subarray(row + stride - 3, row + stride), stride + 3);
    for (let x = 0; x < stride; x++) data[row + x] = ((old[x] + old[x + 6]) * beside + old[x + 3] * self + 128) >> 8;
  }
  old.set(data.subarray(0, stride));
  for (let row = 0; row < (height - 1) * stride; row += stride) {
    for (let x = 0, o = row; x < stride; x++, o++) {
      const here = data[o];
      data[o] = ((old[x] + data[o + stride]) * beside + here * self + 128) >> 8;
      old[x] = here;
    }
  }
}

/** Sensor noise: a different part of the tile for each channel, so that it has colour. */
function grain({ data, width, height }: Pixels, levels: number, random: Random): void {
  const tile = noiseTile();
  const clamped = new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
  const amplitude = Math.round((levels / 37) * 256);
  const mask = side * side - 1;
  const [r, g, b] = [random.int(0, mask), random.int(0, mask), random.int(0, mask)];
  for (let y = 0, o = 0; y < height; y++) {
    // Rows are a prime apart in the tile, so that nothing repeats along a column.
    const row = y * 769;
    for (let at = row; at < row + width; at++, o += 3) {
      clamped[o] = data[o] + ((tile[(at + r) & mask] * amplitude) >> 8);
      clamped[o + 1] = data[o + 1] + ((tile[(at + g) & mask] * amplitude) >> 8);
      clamped[o + 2] = data[o + 2] + ((tile[(at + b) & mask] * amplitude) >> 8);
    }
  }
}

/** out = (grey - level)·gain + level, the same in all channels; with a gain of 1, the greys as they are. */
function spread({ data }: Pixels, { gain, level }: Weather): void {
  const clamped = new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
  for (let o = 0; o < data.length; o += 3) {
    const grey = 0.299 * data[o] + 0.587 * data[o + 1] + 0.114 * data[o + 2];
    const value = (grey - level) * gain + level;
    clamped[o] = value;
    clamped[o + 1] = value;
    clamped[o + 2] = value;
  }
}

/** Through a JPEG file and back. */
function jpeg({ data, width, height }: Pixels, quality: number): void {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d");
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0, o = 0; i < data.length; i += 3, o += 4) {
    rgba[o] = data[i];
    rgba[o + 1] = data[i + 1];
    rgba[o + 2] = data[i + 2];
    rgba[o + 3] = 255;
  }
  context.putImageData(new ImageData(rgba, width, height), 0, 0);
  const bitmap = new Bitmap();
  bitmap.src = canvas.encodeSync("jpeg", quality);
  context.drawImage(bitmap, 0, 0);
  data.set(opaque(canvas.data(), width * height));
}
