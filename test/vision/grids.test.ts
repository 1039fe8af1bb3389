/** Candidate grids against the order in which the authors' code iterates over them. */
import { expect, test } from "vitest";
import { candidates, nearest } from "../../src/vision/grids.ts";
import { goldenJson } from "./golden.ts";

test("candidates come in the authors' order for every range up to 24", () => {
  const table: Record<string, number[][]> = goldenJson("msac/candidates.json");
  expect(Object.keys(table)).toHaveLength(300);
  for (const [range, grids] of Object.entries(table)) {
    const [min, max] = range.split(",").map(Number);
    expect(candidates(min, max), range).toEqual(grids);
  }
});

test("a tie goes to the later grid only when the image fills more than half of it", () => {
  const grids = [
    [1, 1],
    [2, 2],
  ] as const;
  expect(nearest(grids, 633, 633, 448)).toEqual([1, 1]);
  expect(nearest(grids, 634, 634, 448)).toEqual([2, 2]);
});

test("no candidates leave one tile", () => expect(nearest([], 640, 480, 448)).toEqual([1, 1]));
