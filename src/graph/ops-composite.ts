/** Rows that papers name and runtimes fuse: each is defined in other rows, and lowered whole where the target has it. */
import { ShapeError } from "../errors.ts";
import type { Composite, Op } from "./op.ts";
import { like } from "./ops-elementwise.ts";
import { count, fixed, same, show } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** e^(x − max x) over the last axis, and its sum. */
function exponentials(x: Tensor): [Tensor, Tensor] {
  const e = x.sub(x.maximum()).apply("exp");
  return [e, e.sum()];
}

/** Last-axis weights of a norm must have the size of that axis. */
function normType(op: string): Op["type"] {
  return ([x, ...weights]) => {
    for (const w of weights)
      if (w.shape.length !== 1 || !same(w.shape[0], x.shape.at(-1)!))
        throw new ShapeError(`${op}: a weight of ${show(w.shape)} for ${show(x.shape)}`);
    return { dtype: x.dtype, shape: x.shape };
  };
}

/** Gradient of the leading axes summed away, as a vector of the last. */
const overRows = (g: Tensor): Tensor => g.sum([...g.shape.keys()].slice(0, -1)).reshape([g.shape.at(-1)!]);

/** Block length of `hadamard` for an axis of m. */
export const hadamardBlock = (m: number): number => Math.min(32, m & -m);

/** Ones among the bits of a number below 32. */
const ones = (bits: number): number => [1, 2, 4, 8, 16].filter((bit) => bits & bit).length;

export const composites: Record<Composite, Op> = {
  /** Each block of the last axis times the Hadamard matrix (Sylvester 1867) over √size: its own inverse. Blocks are of 32, or the largest power of two
   *  that divides the axis. An outlier is shared out among its block, so that rounding by the largest magnitude costs less (QuaRot, Ashkboos 2024). */
  hadamard: {
    type: like,
    define: ([x]) => {
      const m = fixed(x.shape.at(-1)!, "hadamard");
      const size = hadamardBlock(m);
      if (size === 1) return x;
      const sign = (i: number): number => (ones((i % size) & Math.floor(i / size)) % 2 ? -1 : 1);
      const matrix = Array.from({ length: size * size }, (_, i) => sign(i) / Math.sqrt(size));
      const blocks = x.reshape([count([...x.shape.slice(0, -1), m / size]), size]);
      return blocks.matmul(x.constant(matrix, [size, size])).reshape(x.shape);
    },
  },
  /** eˣ / Σ eˣ over the last axis. */
  softmax: {
    type: like,
    define: ([x]) => {
      const [e, sum] = exponentials(x);
      return e.div(sum);
    },
    grad: (g, _, y) => [y.mul(g.sub(g.mul(y).sum()))],
    onnx: (emit, [x]) => emit.node("Softmax", [x], { axis: -1 }),
  },
  /** x − log Σ eˣ over the last axis. */
  logSoftmax: {
    type: like,
    define: ([x]) => {
      const shifted = x.sub(x.maximum());
      return shifted.sub(shifted.apply("exp").sum().apply("log"));
    },
    grad: (g, [x]) => [g.sub(x.apply("softmax").mul(g.sum()))],
    onnx: (emit, [x]) => emit.node("LogSoftmax", [x], { axis: -1 }),
  },
  /** softmax(q kᵀ / √e) v of each head (Vaswani 2017), heads side by side in the last axis. q: [n, t, h·e], k, v: [n, s, h·e] → [n, t, h·e].
   *  attrs: heads. Fused, the scores are never in memory as a whole (Dao 2022). */
  multiHead: {
    type: ([q, k, v], { heads }) => {
      const fits = [q, k, v].every((x) => x.shape.length === 3 && same(x.shape[2], q.shape[2]));
      if (!fits || !same(k.shape[1], v.shape[1]) || fixed(q.shape[2], "multiHead") % heads)
        throw new ShapeError(`multiHead: ${heads} heads of ${[q, k, v].map(({ shape }) => show(shape)).join(", ")}`);
      return { dtype: q.dtype, shape: q.shape };
    },
    define: ([q, k, v], { heads: h }) => {
      const split = (x: Tensor): Tensor => x.rearrange("n t (h e) -> n h t e", { h });
      const scale = (fixed(q.shape[2], "multiHead") / h) ** -0.5;
      const seen = split(q).mul(scale).matmul(split(k).T).apply("softmax");
      return seen.matmul(split(v)).rearrange("n h t e -> n t (h e)");
    },
    flops: ([[n, t, d], [, s]]) => 4 * n * t * s * d,
    onnx: (emit, inputs, { attrs }) =>
      emit.node("MultiHeadAttention", inputs, { num_heads: attrs.heads }, "com.microsoft"),
  },
  /** x Φ(x), exactly (Hendrycks 2016). */
  gelu: {
    type: like,
    define: ([x]) => x.mul(0.5).mul(x.mul(Math.SQRT1_2).apply("erf").add(1)),
    // Φ(x) + x φ(x)
    grad: (g, [x]) => {
      const cdf = x.mul(Math.SQRT1_2).apply("erf").add(1).mul(0.5);
      const pdf = x
        .mul(x)
        .mul(-0.5)
        .apply("exp")
        .mul(1 / Math.sqrt(2 * Math.PI));
      return [g.mul(cdf.add(x.mul(pdf)))];
    },
    onnx: (emit, inputs) => emit.node("Gelu", inputs, {}, "com.microsoft"),
  },
  /** x σ(x). */
  silu: {
    type: like,
    define: ([x]) => x.mul(x.apply("sigmoid")),
    grad: (g, [x], y) => {
      const s = x.apply("sigmoid");
      return [g.mul(s.add(y.mul(s.apply("neg").add(1))))];
    },
  },
  /** (x − mean) / √(var + ε) · γ + β over the last axis (Ba 2016). attrs: eps. */
  layerNorm: {
    type: normType("layerNorm"),
    define: ([x, gamma, beta], { eps }) => {
      const centred = x.sub(x.mean());
      return centred.div(centred.mul(centred).mean().add(eps).apply("sqrt")).mul(gamma).add(beta);
    },
    grad: (g, [x, gamma], _, { eps }) => {
      const centred = x.sub(x.mean());
      const inverse = x.scalar(1).div(centred.mul(centred).mean().add(eps).apply("sqrt"));
      const normal = centred.mul(inverse);
      const h = g.mul(gamma);
      const dx = h
        .sub(h.mean())
        .sub(normal.mul(h.mul(normal).mean()))
        .mul(inverse);
      return [dx, overRows(g.mul(normal)), overRows(g)];
    },
    onnx: (emit, inputs, { attrs }) =>
      emit.node("LayerNormalization", inputs, { axis: -1, epsilon: emit.float(attrs.eps) }),
  },
  /** x / √(mean x² + ε) · γ over the last axis (Zhang 2019). attrs: eps. */
  rmsNorm: {
    type: normType("rmsNorm"),
    define: ([x, gamma], { eps }) => x.div(x.mul(x).mean().add(eps).apply("sqrt")).mul(gamma),
    grad: (g, [x, gamma], _, { eps }) => {
      const inverse = x.scalar(1).div(x.mul(x).mean().add(eps).apply("sqrt"));
      const normal = x.mul(inverse);
      const h = g.mul(gamma);
      return [h.sub(normal.mul(h.mul(normal).mean())).mul(inverse), overRows(g.mul(normal))];
    },
    onnx: (emit, inputs, { attrs }) =>
      emit.node("SimplifiedLayerNormalization", inputs, { axis: -1, epsilon: emit.float(attrs.eps), stash_type: 1 }),
  },
};
