/** The only source of chance that a seed repeats: a stream that is the same on every machine. */

/** Mixes a string and a number into four 32-bit words (FNV-1a, then the finaliser of MurmurHash3). */
function words(name: string, seed: number): [number, number, number, number] {
  let h = 0x811c9dc5;
  for (const char of `${name}:${seed}`) h = Math.imul(h ^ char.charCodeAt(0), 0x01000193);
  const next = (): number => {
    h = (h + 0x9e3779b9) | 0;
    let z = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) | 0;
  };
  return [next(), next(), next(), next() | 1];
}

const rotated = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** A stream of random numbers (xoshiro128**, Blackman and Vigna 2018), named so that equal seeds of two kinds differ. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(name: string, seed: number) {
    [this.#a, this.#b, this.#c, this.#d] = words(name, seed);
  }

  /** 32 random bits as an unsigned integer. */
  bits(): number {
    const result = Math.imul(rotated(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotated(this.#d, 11);
    return result;
  }

  /** A real in [low, high). */
  real(low = 0, high = 1): number {
    return low + (this.bits() / 0x1_0000_0000) * (high - low);
  }

  /** An integer in [low, high], both ends included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.real() * (high - low + 1));
  }

  /** Box and Muller's normal deviate, mean 0 and variance 1. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.real())) * Math.cos(2 * Math.PI * this.real());
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.real() < probability;
  }

  /** One of the items, all equally likely. */
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.real() * items.length)];
  }

  /** `count` different items (all of them, if there are fewer), in random order. */
  sample<T>(items: readonly T[], count: number): T[] {
    const rest = [...items];
    const taken: T[] = [];
    while (taken.length < count && rest.length) taken.push(...rest.splice(Math.floor(this.real() * rest.length), 1));
    return taken;
  }
}
