/** Matrices in few bits, against rounding written out by hand. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Random } from "../../src/data/random.ts";
import { block } from "../../src/graph/ops-product.ts";
import { pack4, pack8, turn } from "../../src/weights/packed.ts";

/** A matrix [n, m] of float32, cut into pieces of any length. */
const matrix = (m: fc.Arbitrary<number>) =>
  fc
    .tuple(fc.integer({ min: 1, max: 130 }), m, fc.integer({ min: 1, max: 700 }), fc.integer())
    .map(([n, m, cut, seed]) => {
      const data = Float32Array.from({ length: n * m }, (_, i) =>
        Math.fround(Math.sin(seed + i * 12.9898) * (1 + (i % 7))),
      );
      if (n > 2) data.fill(0, m, 2 * m);
      const pieces = Array.from({ length: Math.ceil(data.length / cut) }, (_, i) => data.slice(i * cut, (i + 1) * cut));
      return { n, m, data, pieces };
    });

describe("8 bits", () => {
  test.each(["rows8", "columns8"] as const)(
    "%s: every number is within half a step of its row's largest / 127",
    async (form) => {
      await fc.assert(
        fc.asyncProperty(matrix(fc.integer({ min: 1, max: 50 })), async ({ n, m, data, pieces }) => {
          const [numbers, scales] = await pack8(pieces, [n, m], form);
          if (form === "columns8") turn(data, m);
          for (let row = 0; row < n; row++) {
            const own = data.subarray(row * m, (row + 1) * m);
            const step = Math.max(...own.map(Math.abs)) / 127;
            expect(scales[row]).toBeCloseTo(step, 6);
            own.forEach((x, i) => {
              const found = numbers[form === "rows8" ? row * m + i : i * n + row] * scales[row];
              expect(Math.abs(found - x)).toBeLessThanOrEqual(step * 0.5001);
            });
          }
        }),
        { numRuns: 25 },
      );
    },
  );
});

/** What two numbers a byte are, the low one first. */
const nibbles = (bytes: Uint8Array): number[] => [...bytes].flatMap((byte) => [byte & 15, byte >> 4]);

test("4 bits: every number of a turned row is the nearest of the 16 that its block has", async () => {
  await fc.assert(
    fc.asyncProperty(matrix(fc.constantFrom(block, 2 * block, 3 * block)), async ({ n, m, data, pieces }) => {
      const [numbers, scales, zeros] = await pack4(pieces, [n, m]);
      turn(data, m);
      const [found, blocks, aRow] = [nibbles(numbers), m / block, zeros.length / n];
      for (let row = 0; row < n; row++)
        for (let b = 0; b < blocks; b++) {
          const at = row * blocks + b;
          const zero = nibbles(zeros.subarray(row * aRow, (row + 1) * aRow))[b];
          const known = Array.from({ length: 16 }, (_, q) => (q - zero) * scales[at]);
          data.subarray(at * block, (at + 1) * block).forEach((x, i) => {
            const nearest = Math.min(...known.map((y) => Math.abs(x - y)));
            expect(Math.abs(x - known[found[at * block + i]])).toBeLessThanOrEqual(nearest + 1e-5 * scales[at]);
          });
        }
    }),
    { numRuns: 15 },
  );
});

test("4 bits lose less of a normal matrix than 15 equal steps between the ends of each block", async () => {
  const [n, m] = [64, 4 * block];
  const random = new Random("normal", 1);
  const data = Float32Array.from({ length: n * m }, () => random.normal());
  const [numbers, scales, zeros] = await pack4([data], [n, m]);
  turn(data, m);
  const [found, around] = [nibbles(numbers), nibbles(zeros)];
  let [error, plain] = [0, 0];
  for (let b = 0; b < (n * m) / block; b++) {
    const own = data.subarray(b * block, (b + 1) * block);
    const [low, high] = [Math.min(...own), Math.max(...own)];
    const step = (high - low) / 15;
    own.forEach((x, i) => {
      error += ((found[b * block + i] - around[b]) * scales[b] - x) ** 2;
      plain += (low + Math.round((x - low) / step) * step - x) ** 2;
    });
  }
  expect(error / plain).toBeLessThan(0.95);
});
