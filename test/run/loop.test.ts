import fc from "fast-check";
import { expect, test } from "vitest";
import { loopGuard } from "../../src/run/loop.ts";

/** After how many ids the guard ends the text, -1 when it lets it pass. */
function noticed(ids: Iterable<number>): number {
  const guard = loopGuard();
  let count = 0;
  for (const id of ids) {
    count++;
    if (guard(id)) return count;
  }
  return -1;
}
const bytes = (text: string) => new TextEncoder().encode(text);

// As bytes: the finest tokens, in which repetition is longest.
test.each<[string, string]>([
  ["a drawn line", `TOTAL\n${"-".repeat(60)}\n12.50`],
  ["three drawn lines", `${"-".repeat(60)}\n`.repeat(3)],
  ["a long drawn line", "=".repeat(120)],
  [
    "dots that lead to a page number",
    Array.from({ length: 9 }, (_, i) => `Chapter ${i} ${".".repeat(60)} ${i}\n`).join(""),
  ],
  ["the rule of a wide Markdown table", `|${" --- |".repeat(14)}\n`],
  ["a column of the same answer", "No\n".repeat(24)],
  ["twelve equal receipt lines", "Coffee   2.50\n".repeat(12)],
  ["a row of zeros", "0.00 ".repeat(24)],
  ["a matrix of zeros", "0 0 0 0\n".repeat(16)],
  ["a refrain", "Row, row, row your boat,\nGently down the stream.\n".repeat(3)],
  ["numbered lines", Array.from({ length: 90 }, (_, i) => `Line ${i}\n`).join("")],
  ["a number in many digits", `0.${"142857".repeat(24)}`],
])("%s passes", (_, text) => {
  expect(noticed(bytes(text))).toBe(-1);
});

test("every endless repetition of up to 64 tokens ends within 256 tokens of its second round", () => {
  const unit = fc.array(fc.nat(3), { minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(fc.array(fc.nat(9), { maxLength: 100 }), unit, (before, unit) => {
      const ids = [...before, ...Array.from({ length: 600 }, (_, i) => unit[i % unit.length]!)];
      const at = noticed(ids);
      expect(at).toBeGreaterThan(0);
      expect(at).toBeLessThanOrEqual(before.length + 256);
    }),
  );
});

test.each([
  [1, 192],
  [5, 192],
  [48, 192],
  [49, 196],
  [64, 256],
  [65, -1],
])("a unit of %d different tokens is noticed after %d tokens", (period, after) => {
  expect(noticed(Array.from({ length: 1000 }, (_, i) => i % period))).toBe(after);
});

test("tokens that never repeat a unit pass for ever", () => {
  const next = (i: number) => Math.imul(i ^ (i >>> 3), 0x9e3779b1) >>> 24;
  expect(noticed(Array.from({ length: 20_000 }, (_, i) => next(i)))).toBe(-1);
});
