/** Pixel shuffle against its definition, element by element; the MLP is held against the authors' in eval/verify.test.ts. */
import { expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import { input } from "../../src/graph/tensor.ts";
import { connector, pixelShuffle } from "../../src/models/connector.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { counting } from "../support/values.ts";

test.each([
  ["v2", 2, 4],
  ["v1", 2, 4],
  ["v2", 3, 6],
  ["v1", 1, 3],
] as const)("%s folds squares of %d×%d patches, row by row, of a grid %d wide", (version, r, side) => {
  const [n, d] = [2, 3];
  const m = side / r;
  const shape = [n, side * side, d];
  const y = pixelShuffle(input("x", shape), r, version);
  expect(y.shape).toEqual([n, m, m, r * r * d]);
  const expected: number[] = [];
  for (let tile = 0; tile < n; tile++)
    for (let first = 0; first < m; first++)
      for (let second = 0; second < m; second++) {
        const [row, column] = version === "v2" ? [first, second] : [second, first];
        for (let i = 0; i < r; i++)
          for (let j = 0; j < r; j++)
            for (let k = 0; k < d; k++) expected.push(((tile * side + row * r + i) * side + column * r + j) * d + k);
      }
  expect([...evaluate({ y }, { x: counting(shape) }).y.data]).toEqual(expected);
});

test("the connector keeps the published names: a norm, two layers, nothing between them", () => {
  const source = openEnded();
  const y = connector(input("x", [2, 3, 3, 8]), weights(source).mlp1, 5);
  expect(y.shape).toEqual([2, 9, 5]);
  expect(Object.fromEntries([...source.wanted].map(([key, { shape }]) => [key, shape]))).toEqual({
    "mlp1.0.weight": [8],
    "mlp1.0.bias": [8],
    "mlp1.1.weight": [5, 8],
    "mlp1.1.bias": [5],
    "mlp1.3.weight": [5, 5],
    "mlp1.3.bias": [5],
  });
});
