/** Matrices in few bits, against rounding written out by hand. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
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
          const { numbers, scales } = await pack8(pieces, [n, m], form);
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

test("4 bits: every number is within half a step of its block, the one that reaches furthest exact", async () => {
  await fc.assert(
    fc.asyncProperty(matrix(fc.constantFrom(block, 2 * block, 3 * block)), async ({ n, m, data, pieces }) => {
      const { numbers, scales } = await pack4(pieces, [n, m]);
      for (let b = 0; b < (n * m) / block; b++) {
        const own = data.subarray(b * block, (b + 1) * block);
        const far = own.reduce((a, x) => (Math.abs(x) > Math.abs(a) ? x : a), 0);
        own.forEach((x, i) => {
          const byte = numbers[(b * block + i) >> 1];
          const found = ((i % 2 ? byte >> 4 : byte & 15) - 8) * scales[b];
          // The other end reaches only to 7 steps.
          const step = Math.abs(far) / 8;
          expect(Math.abs(found - x)).toBeLessThanOrEqual(step * (Math.abs(x + far) < step ? 1.0001 : 0.5001));
          if (x === far) expect(found).toBeCloseTo(far, 5);
        });
      }
    }),
    { numRuns: 25 },
  );
});
