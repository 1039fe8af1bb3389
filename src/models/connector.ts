/** From patch features to the language model's width: pixel shuffle, then a two-layer MLP (InternVL 1.5). */
import type { Tensor } from "../graph/tensor.ts";
import { gelu, layerNorm, linear } from "../nn/layers.ts";
import type { Weights } from "../weights/path.ts";

/** Folds each r×r square of patches into one vector. x: [n, side², d] → [n, side/r, side/r, r²·d];
 *  version v1 leaves the token grid transposed, as first published. */
export function pixelShuffle(x: Tensor, r: number, version: "v1" | "v2"): Tensor {
  const side = Math.sqrt(x.shape[1] as number);
  const out = version === "v2" ? "n y x (i j d)" : "n x y (i j d)";
  return x.rearrange(`n (y i x j) d -> ${out}`, { y: side / r, i: r, x: side / r, j: r });
}

/** LN, linear, GELU, linear. x: [n, h, w, m] → [n, h·w, width]. */
export function connector(x: Tensor, w: Weights, width: number): Tensor {
  const y = layerNorm(x.rearrange("n h w m -> n (h w) m"), w[0], 1e-5);
  return linear(gelu(linear(y, w[1], width)), w[3], width);
}
