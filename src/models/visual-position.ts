/** Where visual tokens lie on the page. A language model sees them as one row: which of them stand below one another it cannot know, as a grid of 2 x 3 tiles
 *  and one of 3 x 2 look alike in it. Llama 3.2 Vision adds a learned vector of each tile's place (2024); here it is one of the tile's place and one of the token's in it. */
import { RequestError } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { layers, type TilePlan } from "../vision/tilings.ts";
import { param, type Weights } from "../weights/path.ts";

/** What is told of a tile: the number of its layer, its column and its row. */
export type Cell = readonly [layer: number, column: number, row: number];

/** The cells of tiles. Throws RequestError for one outside the grids that a model knows, of at most `most` columns and rows. */
export function cellsOf(tiles: TilePlan["tiles"], most: number | undefined = Number.POSITIVE_INFINITY): Cell[] {
  const outside = tiles.find(({ column, row }) => column >= most || row >= most);
  if (outside)
    throw new RequestError(
      `a tile lies in column ${outside.column + 1} and row ${outside.row + 1}; this model knows ${most} of each: choose a tiling of fewer tiles`,
    );
  return tiles.map(({ layer, column, row }) => [layers.indexOf(layer), column, row]);
}

/** x + layer + column + row + token column + token row. x: [n, t², d] row by row, cells: [n, 3] i64, columns and rows below `most` → [n, t², d]. */
export function positioned(x: Tensor, cells: Tensor, w: Weights, most: number): Tensor {
  const [n, tokens, d] = x.shape as [Tensor["shape"][number], number, number];
  const side = Math.sqrt(tokens);
  const table = (at: Weights, rows: number): Tensor => param(at, [rows, d], { deviation: 0.1 });
  const of = (i: number, at: Weights, rows: number): Tensor =>
    table(at, rows)
      .rows(cells.slice(1, i, i + 1).reshape([n]))
      .reshape([n, 1, d]);
  const tile = of(0, w.layer, layers.length)
    .add(of(1, w.column, most))
    .add(of(2, w.row, most));
  const token = table(w.token_row, side).reshape([side, 1, d]).add(table(w.token_column, side)).reshape([tokens, d]);
  return x.add(tile).add(token);
}
