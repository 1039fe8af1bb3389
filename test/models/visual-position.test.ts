/** What is added to a visual token: the vectors of its tile's layer, column and row, and of its own column and row there. */
import { expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import { input } from "../../src/graph/tensor.ts";
import { cellsOf, positioned } from "../../src/models/visual-position.ts";
import { parseTiling } from "../../src/vision/tilings.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { drawn, value } from "../support/values.ts";

test("the sum is that of five tables, row by row", () => {
  const [n, side, d, most] = [4, 3, 2, 5];
  const source = openEnded();
  const y = positioned(input("x", [n, side * side, d]), input("cells", [n, 3], "i64"), weights(source), most);
  const shapes = { layer: [3, d], column: [most, d], row: [most, d], token_column: [side, d], token_row: [side, d] };
  expect(Object.fromEntries([...source.wanted].map(([key, { shape }]) => [key, shape]))).toEqual(shapes);
  const tables = Object.fromEntries(Object.entries(shapes).map(([key, shape], i) => [key, drawn(shape, i)]));
  const x = drawn([n, side * side, d], 9);
  const cells = [
    [0, 0, 0],
    [1, 4, 2],
    [2, 0, 0],
    [0, 1, 4],
  ];
  const of = (key: string, row: number, k: number): number => tables[key].data[row * d + k];
  const expected = cells.flatMap(([layer, column, row], tile) =>
    Array.from({ length: side * side * d }, (_, i) => {
      const [at, k] = [Math.floor(i / d), i % d];
      const own = of("token_row", Math.floor(at / side), k) + of("token_column", at % side, k);
      return (
        x.data[tile * side * side * d + i] + of("layer", layer, k) + of("column", column, k) + of("row", row, k) + own
      );
    }),
  );
  const found = evaluate({ y }, { x, cells: value([n, 3], ...cells.flat()), ...tables }).y.data;
  expect(found.length).toBe(expected.length);
  for (const [i, v] of expected.entries()) expect(found[i]).toBeCloseTo(v, 6);
});

test("tiles are numbered as their plan says, layer by layer", () => {
  const { tiles } = parseTiling("msac:detailed=2..2,adaptive=3..3").plan(200, 100, 56);
  expect(cellsOf(tiles)).toEqual(
    tiles.map(({ layer, column, row }) => [["detailed", "adaptive", "global"].indexOf(layer), column, row]),
  );
  expect(new Set(tiles.map(({ layer }) => layer)).size).toBe(3);
});

test("a tile outside the grids that a model knows is refused", () => {
  const { tiles } = parseTiling("dynamic:4..4").plan(50, 200, 56);
  expect(() => cellsOf(tiles, 3)).toThrow(
    "a tile lies in column 1 and row 4; this model knows 3 of each: choose a tiling of fewer tiles",
  );
  expect(cellsOf(tiles, 4)).toHaveLength(5);
});
