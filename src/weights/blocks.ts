/** Rounding to 4 bits: which scale and zero lose the least of a block. */
import { block } from "../graph/ops-product.ts";

/** What the numbers 0 … 15 of a block stand for: (number − zero) · scale. */
export interface Grid {
  scale: number;
  zero: number;
}

/** Shares of a block's range that the 15 steps may make up: a little less cuts off its ends, which often costs less than coarser steps. Searching ten
 *  times as closely takes 1% off the squared error. */
const shares = [0.84, 0.87, 0.9, 0.93, 0.96, 0.99, 1.02, 1.05, 1.08];

/** Sets `into` to the grid of least squared error for the block of 32 numbers from `at` on, of those whose steps make up such a share, lie around the middle
 *  of the range and are then fitted to the numbers by least squares. Nothing is allocated: millions of objects that die young make buffers beside them old. */
export function fit(data: Float32Array, at: number, into: Grid): void {
  let low = 0;
  let high = 0;
  for (let i = at; i < at + block; i++) {
    low = Math.min(low, data[i]);
    high = Math.max(high, data[i]);
  }
  into.scale = 0;
  into.zero = 8;
  let least = Number.POSITIVE_INFINITY;
  for (let k = 0; k < shares.length && low < high; k++) {
    const step = ((high - low) * shares[k]) / 15;
    const zero = Math.min(15, Math.max(0, nearest((15 - (low + high) / step) / 2)));
    let error = 0;
    let product = 0;
    let square = 0;
    for (let i = at; i < at + block; i++) {
      const q = nibble(data[i], step, zero) - zero;
      error += (q * step - data[i]) ** 2;
      product += q * data[i];
      square += q * q;
    }
    if (error >= least) continue;
    least = error;
    into.scale = Math.fround(product / square);
    into.zero = zero;
  }
}

/** The number of a grid that stands for x most nearly. */
export const nibble = (x: number, scale: number, zero: number): number =>
  scale ? Math.min(15, Math.max(0, nearest(x / scale) + zero)) : zero;

/** The nearest whole number, ties to even, of magnitudes below 2^22: float32 has no fraction left at 1.5 · 2^23. Several times as fast as Math.round. */
export const nearest = (x: number): number => Math.fround(x + 12_582_912) - 12_582_912;
