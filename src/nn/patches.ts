/** Images to patch vectors, and grids of position vectors to other grid sizes. */
import { fixed } from "../graph/shape.ts";
import { constant, type Tensor } from "../graph/tensor.ts";
import { param, type Weights } from "../weights/path.ts";

/** Convolution whose stride is its kernel: cut into p×p patches, then project, with a bias or none. pixels: [n, 3, h, w] → [n, h/p · w/p, d], row-major. */
export function patches(pixels: Tensor, w: Weights, p: number, d: number, biased = true): Tensor {
  const channels = fixed(pixels.shape[1], "patches");
  const flat = pixels.rearrange("n c (y i) (x j) -> n (y x) (c i j)", { i: p, j: p });
  const weight = param(w.weight, [d, channels, p, p], { deviation: 1 / Math.sqrt(channels * p * p) });
  const bias = biased ? [param(w.bias, [d], { value: 0 })] : [];
  return flat.apply("project", [weight.reshape([d, channels * p * p]), ...bias]);
}

/** Position vectors of a side×side grid on a h×w grid: bicubic, A = −0.75, corners not aligned, no antialiasing
 *  (PyTorch's interpolate). grid: [1, side², d] → [1, h·w, d]. */
export function interpolated(grid: Tensor, side: number, h: number, w: number): Tensor {
  if (h === side && w === side) return grid;
  const rows = constant(bicubic(side, h), [h, side]);
  const columns = constant(bicubic(side, w), [w, side]);
  const byRow = rows.matmul(grid.rearrange("1 (y x) d -> y (x d)", { y: side }));
  const byColumn = columns.matmul(byRow.rearrange("h (x d) -> h x d", { x: side }));
  return byColumn.rearrange("h w d -> 1 (h w) d");
}

/** Where position vectors of a class token and a side×side grid begin: zero, then sines and cosines of row and column (Chen 2021,
 *  MoCo v3), [1 + side², d]. Patches of print have deviation 2 to 3: positions that start at the usual 0.02 are drowned, and a
 *  small tower stays blind to what stands beside what. */
export function sinusoids(side: number, d: number): Float32Array {
  const values = new Float32Array((1 + side * side) * d);
  const quarter = d / 4;
  for (let i = 0; i < side * side; i++)
    for (let j = 0; j < quarter; j++) {
      const frequency = 10_000 ** (-j / quarter);
      [Math.floor(i / side), i % side].forEach((at, axis) => {
        values[(1 + i) * d + 2 * axis * quarter + j] = Math.sin(at * frequency);
        values[(1 + i) * d + (2 * axis + 1) * quarter + j] = Math.cos(at * frequency);
      });
    }
  return values;
}

/** The matrix [to, from] of one axis of that interpolation, row-major. */
function bicubic(from: number, to: number): Float64Array {
  const a = -0.75;
  const kernel = (t: number): number => {
    const x = Math.abs(t);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
  };
  const matrix = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const centre = ((i + 0.5) * from) / to - 0.5;
    for (let j = Math.floor(centre) - 1; j <= Math.floor(centre) + 2; j++)
      matrix[i * from + Math.min(from - 1, Math.max(0, j))] += kernel(centre - j);
  }
  return matrix;
}
