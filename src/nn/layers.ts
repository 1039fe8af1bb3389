/** The layers that papers name; the only places that know what a layer's weights are called. */
import { fixed } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { param, type Weights } from "../weights/path.ts";

/** Size of the last axis. */
const width = (x: Tensor): number => fixed(x.shape.at(-1)!, "the last axis");

/** What a branch's last matrix starts with as its gain: smaller the more of them are summed, two a layer (Radford 2019). */
export const residual = (layers: number): number => 1 / Math.sqrt(2 * layers);

/** y = x Wᵀ. x: [..., m] → [..., n]. W starts with deviation `gain`/√m: at small widths a fixed 0.02 drowns the image's gradient. */
export function project(x: Tensor, w: Weights, n: number, gain = 1): Tensor {
  return x.apply("project", [matrix(x, w, n, gain)]);
}

function matrix(x: Tensor, w: Weights, n: number, gain: number): Tensor {
  return param(w.weight, [n, width(x)], { deviation: gain / Math.sqrt(width(x)) });
}

/** y = x Wᵀ + b. */
export function linear(x: Tensor, w: Weights, n: number, gain = 1): Tensor {
  return x.apply("project", [matrix(x, w, n, gain), param(w.bias, [n], { value: 0 })]);
}

/** (x − mean) / √(var + ε) · γ + β over the last axis (Ba 2016). */
export function layerNorm(x: Tensor, w: Weights, eps: number): Tensor {
  const d = width(x);
  return x.apply("layerNorm", [param(w.weight, [d], { value: 1 }), param(w.bias, [d], { value: 0 })], { eps });
}

/** x / √(mean x² + ε) · γ over the last axis (Zhang 2019). */
export function rmsNorm(x: Tensor, w: Weights, eps: number): Tensor {
  return x.apply("rmsNorm", [param(w.weight, [width(x)], { value: 1 })], { eps });
}

/** Rows of a table of v vectors. ids: [...] → [..., d]. */
export function embedding(ids: Tensor, w: Weights, v: number, d: number): Tensor {
  return param(w.weight, [v, d], { deviation: 0.1 }).rows(ids);
}

/** x Φ(x), exactly (Hendrycks 2016). */
export const gelu = (x: Tensor): Tensor => x.apply("gelu");
/** x Φ(x) by its approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))): "gelu_new" of published models. */
export function geluTanh(x: Tensor): Tensor {
  const inner = x
    .mul(x)
    .mul(0.044715)
    .add(1)
    .mul(x)
    .mul(Math.sqrt(2 / Math.PI));
  return x.mul(inner.apply("tanh").add(1)).mul(0.5);
}
/** x σ(1.702 x): GELU by a sigmoid (Hendrycks 2016). */
export const quickGelu = (x: Tensor): Tensor => x.mul(x.mul(1.702).apply("sigmoid"));
/** x σ(x) (Elfwing 2017). */
export const silu = (x: Tensor): Tensor => x.apply("silu");
