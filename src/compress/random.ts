/** Tokens drawn by lot: what any other method has to beat. */
import { type Compression, checkRatio, keeping } from "./compression.ts";

export interface RandomOptions {
  /** Share of each window that is kept: above 0, at most 1. */
  readonly ratio: number;
  /** Uniform numbers in [0, 1) from their beginning, so that each prompt is drawn alike. */
  readonly numbers: () => () => number;
}

/** Keeps ⌊H · ratio⌋ tokens of each window of H, every choice of so many being equally likely, and all others. Throws RequestError for a ratio out of range. */
export function randomly({ ratio, numbers }: RandomOptions): Compression {
  checkRatio("random", ratio);
  return {
    name: `random ${ratio}`,
    async keep(prompt) {
      const draw = numbers();
      return keeping(prompt, ratio, (_, size, count) => {
        // The first of a shuffled deck (Durstenfeld 1964).
        const deck = Int32Array.from({ length: size }, (_, i) => i);
        for (let i = 0; i < count; i++) {
          const j = i + Math.floor(draw() * (size - i));
          [deck[i], deck[j]] = [deck[j], deck[i]];
        }
        return deck.subarray(0, count);
      });
    },
  };
}
