import { expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { random } from "../../src/run/random.ts";

const take = (seed: number, n: number) => {
  const draw = random(seed);
  return Array.from({ length: n }, draw);
};

test("a seed repeats its numbers, another seed, near or 2^32 away, gives others", () => {
  const seeds = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
  const starts = seeds.map((seed) => take(seed, 4).join());
  expect(seeds.map((seed) => take(seed, 4).join())).toEqual(starts);
  expect(new Set(starts).size).toBe(seeds.length);
});

test("the numbers lie in [0, 1) and fill it evenly", () => {
  const numbers = take(7, 20_000);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  for (let tenth = 0; tenth < 10; tenth++) {
    const share = numbers.filter((x) => Math.floor(x * 10) === tenth).length;
    expect(Math.abs(share - 2000)).toBeLessThan(5 * Math.sqrt(1800)); // 5 standard deviations of a fair tenth
  }
});

test("a number says nothing about the next: pairs fill the square evenly", () => {
  const numbers = take(11, 20_000);
  const cells = new Array<number>(16).fill(0);
  for (let i = 0; i < numbers.length; i += 2)
    cells[Math.floor(numbers[i]! * 4) * 4 + Math.floor(numbers[i + 1]! * 4)]!++;
  for (const share of cells) expect(Math.abs(share - 625)).toBeLessThan(5 * Math.sqrt(586));
});

test.each([-1, 1.5, Number.NaN, 2 ** 53])("seed %d is refused by name", (seed) => {
  expect(() => random(seed)).toThrow(RequestError);
  expect(() => random(seed)).toThrow(/seed is .*; expected a whole number from 0/);
});
