import { describe, expect, it } from "vitest";
import { Random } from "../../src/data/random.ts";

const stream = (name: string, seed: number): number[] => {
  const random = new Random(name, seed);
  return Array.from({ length: 8 }, () => random.bits());
};

describe("Random", () => {
  it("gives the same stream for the same name and seed", () => {
    expect(stream("receipt", 7)).toEqual(stream("receipt", 7));
  });

  it("gives another stream for another name, and for another seed", () => {
    expect(stream("receipt", 7)).not.toEqual(stream("line", 7));
    expect(stream("receipt", 7)).not.toEqual(stream("receipt", 8));
    expect(stream("receipt", 2 ** 40)).not.toEqual(stream("receipt", 2 ** 41));
  });

  it.each([0, 1, 3, 10])("is even in its draw number %i over neighbouring seeds", (skipped) => {
    const count = 4000;
    let sum = 0;
    let above = 0;
    for (let seed = 0; seed < count; seed++) {
      const random = new Random("page", seed);
      for (let i = 0; i < skipped; i++) random.real();
      const value = random.real();
      sum += value;
      above += value >= 0.5 ? 1 : 0;
    }
    // Five standard deviations of a mean of uniform numbers.
    expect(Math.abs(sum / count - 0.5)).toBeLessThan(5 / Math.sqrt(12 * count));
    expect(Math.abs(above / count - 0.5)).toBeLessThan(5 / Math.sqrt(4 * count));
  });

  it("says nothing with a number about the next: pairs fill the square evenly", () => {
    const random = new Random("pairs", 11);
    const cells = Array<number>(16).fill(0);
    for (let i = 0; i < 10_000; i++) cells[random.int(0, 3) * 4 + random.int(0, 3)]++;
    // Five standard deviations of a fair sixteenth.
    for (const share of cells) expect(Math.abs(share - 625)).toBeLessThan(5 * Math.sqrt(586));
  });

  it("draws integers from both ends of the range and nothing beyond", () => {
    const random = new Random("dice", 1);
    const seen = new Set(Array.from({ length: 300 }, () => random.int(1, 6)));
    expect([...seen].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("samples without repetition, and no more than there is", () => {
    const random = new Random("sample", 1);
    expect(new Set(random.sample([1, 2, 3, 4, 5], 3)).size).toBe(3);
    expect(random.sample([1, 2], 9).sort()).toEqual([1, 2]);
  });
});
