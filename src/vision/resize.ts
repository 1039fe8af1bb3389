/** Pillow's bicubic resize, byte for byte (its integer two-pass convolution), and cropping. */
import type { Image } from "./image.ts";

/** Weights are integers: the real weight times 2^22, so that a sum of 8-bit products fits 32 bits. */
const precisionBits = 22;
const half = 1 << (precisionBits - 1);

/** For each output position: the first input position it reads, how many, and `stride` integer weights. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

/** Keys' cubic kernel with a = -0.5, in the order of operations that Pillow uses. */
function cubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

/** The taps of one axis. Shrinking widens the kernel by in/out, which is what antialiases. */
function taps(from: number, to: number): Taps {
  const scale = from / to;
  const widen = Math.max(scale, 1);
  const support = 2 * widen;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * stride);
  const real = new Float64Array(stride);
  for (let out = 0; out < to; out++) {
    const centre = (out + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const n = Math.min(from, Math.trunc(centre + support + 0.5)) - start;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += real[i] = cubic((i + start - centre + 0.5) * (1 / widen));
    for (let i = 0; i < n; i++) {
      const w = (sum === 0 ? real[i] : real[i] / sum) * (1 << precisionBits);
      weights[out * stride + i] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5);
    }
    first[out] = start;
    count[out] = n;
  }
  return { first, count, weights, stride };
}

/** Rounds away the 22 fraction bits (a half is already in the sum) and clips to a byte. */
function byte(sum: number): number {
  const v = sum >> precisionBits;
  return Math.min(Math.max(v, 0), 255);
}

/** Writes one pixel: the taps of output position `p` over pixels that start at `from` and lie `step` bytes apart. */
function weigh(data: Uint8Array, from: number, step: number, taps: Taps, p: number, out: Uint8Array, at: number): void {
  const { weights, stride } = taps;
  const last = p * stride + taps.count[p];
  let r = half;
  let g = half;
  let b = half;
  let i = from;
  for (let k = p * stride; k < last; k++) {
    const w = weights[k];
    r = (r + Math.imul(w, data[i])) | 0;
    g = (g + Math.imul(w, data[i + 1])) | 0;
    b = (b + Math.imul(w, data[i + 2])) | 0;
    i += step;
  }
  out[at] = byte(r);
  out[at + 1] = byte(g);
  out[at + 2] = byte(b);
}

function horizontal({ data, width, height }: Image, to: number): Image {
  const axis = taps(width, to);
  const out = new Uint8Array(to * height * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < to; x++, at += 3) weigh(data, (y * width + axis.first[x]) * 3, 3, axis, x, out, at);
  }
  return { data: out, width: to, height };
}

function vertical({ data, width, height }: Image, to: number): Image {
  const axis = taps(height, to);
  const pitch = width * 3;
  const out = new Uint8Array(pitch * to);
  let at = 0;
  for (let y = 0; y < to; y++) {
    for (let x = 0; x < width; x++, at += 3) weigh(data, axis.first[y] * pitch + x * 3, pitch, axis, y, out, at);
  }
  return { data: out, width, height: to };
}

/**
 * `image` at `width` x `height`, aspect not kept: what Pillow's `Image.resize` with its default filter gives.
 * Horizontal pass, rounded to bytes, then vertical; an axis of unchanged size is not touched.
 */
export function resize(image: Image, width: number, height: number): Image {
  const wide = width === image.width ? image : horizontal(image, width);
  return height === wide.height ? wide : vertical(wide, height);
}

/** The `width` x `height` pixels of `image` whose top left corner is at (x, y), which must lie inside it. */
export function crop(image: Image, x: number, y: number, width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * image.width + x) * 3;
    data.set(image.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { data, width, height };
}
