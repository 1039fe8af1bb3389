/** Random numbers that a seed repeats on every machine. */
import { RequestError } from "../errors.ts";

/** A source of uniform numbers in [0, 1) with 32 random bits each: xoshiro128** (Blackman and Vigna 2018), its state
 *  filled from the seed by splitmix32. seed: a whole number from 0 to 2^53 - 1, else RequestError. */
export function random(seed: number): () => number {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RequestError(`seed is ${seed}; expected a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
  const low = splitmix(seed % 2 ** 32);
  const high = splitmix(Math.floor(seed / 2 ** 32) ^ 0x5bd1e995);
  let a = low();
  let b = low() ^ high();
  let c = low();
  let d = low() ^ high();
  if ((a | b | c | d) === 0) a = 1;
  return () => {
    const scrambled = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return scrambled / 2 ** 32;
  };
}

const rotate = (bits: number, by: number): number => (bits << by) | (bits >>> (32 - by));

/** splitmix32: a Weyl sequence through the finaliser of MurmurHash3. */
function splitmix(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    const mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    const again = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return again ^ (again >>> 16);
  };
}
