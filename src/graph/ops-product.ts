/** Rows that are matrix products. */
import { ShapeError } from "../errors.ts";
import type { Emitter } from "./onnx.ts";
import type { Op, Product, Value } from "./op.ts";
import { sumTo } from "./ops-elementwise.ts";
import { broadcast, count, type Dim, type Shape, same, sameShape, show } from "./shape.ts";
import type { Tensor } from "./tensor.ts";
import { offsets, strides, total } from "./value.ts";

export const products: Record<Product, Op> = {
  /** a b over the last two axes, either of them transposed first; the other axes broadcast. */
  matmul: {
    type: ([a, b], { transA, transB }) => {
      if (a.shape.length < 2 || b.shape.length < 2 || a.dtype !== b.dtype)
        throw new ShapeError(`matmul: ${a} times ${b}`);
      const [m, k] = transA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
      const [l, n] = transB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
      if (!same(k, l)) throw new ShapeError(`matmul: ${show(a.shape)} times ${show(b.shape)}: ${k} is not ${l}`);
      return { dtype: a.dtype, shape: [...broadcast("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n] };
    },
    grad: (g, [a, b], _, { transA, transB }) => {
      const da = transA ? (transB ? b.T.matmul(g.T) : b.matmul(g.T)) : transB ? g.matmul(b) : g.matmul(b.T);
      const db = transB ? (transA ? g.T.matmul(a.T) : g.T.matmul(a)) : transA ? a.matmul(g) : a.T.matmul(g);
      return [sumTo(da, a), sumTo(db, b)];
    },
    onnx: (emit, inputs, { attrs: { transA, transB } }) =>
      transA || transB
        ? emit.node("FusedMatMul", inputs, { transA: +transA, transB: +transB }, "com.microsoft")
        : emit.node("MatMul", inputs),
    evaluate: ([a, b], { transA, transB }, out) => {
      const [m, n] = out.slice(-2);
      const k = a.shape.at(transA ? -2 : -1)!;
      const [ai, ak] = strides(a.shape).slice(-2);
      const [bk, bj] = strides(b.shape).slice(-2);
      const lead = out.slice(0, -2);
      const as = offsets(a.shape.slice(0, -2), lead);
      const bs = offsets(b.shape.slice(0, -2), lead);
      return new Float64Array(total(out)).map((_, at) => {
        const batch = Math.floor(at / (m * n));
        const i = Math.floor(at / n) % m;
        const j = at % n;
        let sum = 0;
        for (let x = 0; x < k; x++)
          sum +=
            a.data[as[batch] * m * k + (transA ? x * ai + i * ak : i * ai + x * ak)] *
            b.data[bs[batch] * k * n + (transB ? j * bk + x * bj : x * bk + j * bj)];
        return sum;
      });
    },
    flops: ([a], out, { transA }) => 2 * total(out) * a.at(transA ? -2 : -1)!,
  },
  /** Σ (a − aZero)(b − bZero) over unsigned 8 bits, summed in integers, as f32. a: [..., t, s], b: [..., s, e] → [..., t, e]. */
  matmul8: {
    type: ([a, b]) => {
      if (a.dtype !== "u8" || b.dtype !== "u8") throw new ShapeError(`matmul8: ${a} times ${b}, u8 was expected`);
      const { shape } = products.matmul.type([a, b], {});
      return { dtype: "f32", shape };
    },
    onnx: (emit, inputs, { attrs: { aZero, bZero } }) => {
      const zeros = [aZero, bZero].map((zero) => emit.constant([zero], [], "u8"));
      return emit.node("Cast", [emit.node("MatMulInteger", [...inputs, ...zeros])], { to: emit.dtype("f32") });
    },
    evaluate: ([a, b], { aZero, bZero }, out) => {
      const around = (x: Value, zero: number): Value => ({ ...x, data: x.data.map((v) => v - zero) });
      return products.matmul.evaluate!([around(a, aZero), around(b, bZero)], {}, out);
    },
    flops: (inputs, out, attrs) => products.matmul.flops!(inputs, out, attrs),
  },
  /** x Wᵀ + b, b optional: the place where weights meet activations, and where int8 and LoRA take hold.
   *  x: [..., m], W: [n, m], b: [n] → [..., n]. */
  project: {
    type: ([x, w, b]) => {
      if (w.shape.length !== 2 || x.dtype !== w.dtype) throw new ShapeError(`project: ${x} by ${w}`);
      if (!same(x.shape.at(-1)!, w.shape[1]))
        throw new ShapeError(`project: ${show(x.shape)} by ${show(w.shape)}: ${x.shape.at(-1)} is not ${w.shape[1]}`);
      if (b && !sameShape(b.shape, [w.shape[0]]))
        throw new ShapeError(`project: a bias of ${show(b.shape)} for ${w.shape[0]} outputs`);
      return { dtype: x.dtype, shape: [...x.shape.slice(0, -1), w.shape[0]] };
    },
    grad: (g, [x, w, b]) => {
      const rows = g.reshape([count(g.shape.slice(0, -1)), w.shape[0]]);
      const dw = rows.T.matmul(x.reshape([rows.shape[0], w.shape[1]]));
      const dx = rows.matmul(w).reshape(x.shape);
      return b ? [dx, dw, rows.sum([0]).reshape(b.shape)] : [dx, dw];
    },
    // As one product of two matrices: ONNX Runtime runs a batch of them one by one, packing W each time.
    onnx: (emit, [x, ...weights], { inputs: [{ shape: given }, { shape }], shape: result }) => {
      const flat = given.length === 2 ? x : emit.node("Reshape", [x, emit.dims([-1, shape[1]])]);
      const y = emit.node("Gemm", [flat, ...weights], { transB: 1 });
      return given.length === 2 ? y : emit.node("Reshape", [y, emit.reshapeDims(result)]);
    },
    evaluate: ([x, w, b]) => {
      const [n, m] = w.shape;
      return new Float64Array((x.data.length / m) * n).map((_, at) => {
        let sum = b ? b.data[at % n] : 0;
        for (let k = 0; k < m; k++) sum += x.data[Math.floor(at / n) * m + k] * w.data[(at % n) * m + k];
        return sum;
      });
    },
    flops: ([x], out) => 2 * total(out) * x.at(-1)!,
  },
  /** project with both sides rounded to 8 bits: each row of x by its own maximum, each row of W by its own, summed in integers.
   *  A token whose activations are hundreds of times the rest thus coarsens nobody else. */
  project8: {
    type: (inputs, attrs) => products.project.type(inputs, attrs),
    define: ([x, w, b]) => {
      const [xs, ws] = [x, w].map((y) => y.apply("abs").maximum().max(1e-30).div(127));
      const sums = x
        .div(xs)
        .apply("round")
        .apply("project", [w.div(ws).apply("round")]);
      const y = sums.mul(xs).mul(ws.reshape([w.shape[0]]));
      return b ? y.add(b) : y;
    },
    // Both sides unsigned, 128 is their zero: signed weights overflow the 16-bit sums of processors without VNNI. What depends on W alone is folded
    // when the session opens.
    onnx: (
      emit,
      [x, w, b],
      {
        inputs: [
          ,
          {
            shape: [, m],
          },
        ],
        shape,
      },
    ) =>
      byBytes(emit, x, b, m, shape, (bytes) => {
        const [rounded, peak] = roundedRows(emit, w);
        const columns = emit.node("Transpose", [rounded], { perm: [1, 0] });
        const scales = emit.node("Reshape", [
          emit.node("Div", [peak, emit.constant([127], [], "f32")]),
          emit.ints([-1]),
        ]);
        return intoFloat(emit, bytes, columns, scales, "u8");
      }),
    flops: ([x], out) => 2 * total(out) * x.at(-1)!,
  },
  /** project with weights stored in 8 bits (weights/packed.ts): x rounded as in project8, W[j, i] = bytes[i, j] · scales[j].
   *  x: [..., m], bytes: i8 [m, n], scales: [n], b: [n], optional → [..., n]. */
  product8: {
    type: ([x, bytes, scales, b]) => {
      const [m, n] = bytes.shape;
      if (bytes.dtype !== "i8" || x.dtype !== "f32" || !same(x.shape.at(-1)!, m) || !sameShape(scales.shape, [n]))
        throw new ShapeError(`product8: ${x} by ${bytes} with scales ${show(scales.shape)}`);
      if (b && !sameShape(b.shape, [n])) throw new ShapeError(`product8: a bias of ${show(b.shape)} for ${n} outputs`);
      return { dtype: "f32", shape: [...x.shape.slice(0, -1), n] };
    },
    define: ([x, bytes, scales, b]) => {
      const xs = x.apply("abs").maximum().max(1e-30).div(127);
      const y = x.div(xs).apply("round").matmul(bytes.cast("f32")).mul(xs).mul(scales);
      return b ? y.add(b) : y;
    },
    onnx: (
      emit,
      [x, bytes, scales, b],
      {
        inputs: [
          ,
          {
            shape: [m],
          },
        ],
        shape,
      },
    ) =>
      byBytes(emit, x, b, m, shape, (rounded) => {
        if (emit.signed8) return intoFloat(emit, rounded, bytes, scales, "i8");
        const around = emit.node("Add", [
          emit.node("Cast", [bytes], { to: emit.dtype("i32") }),
          emit.constant([128], [], "i32"),
        ]);
        return intoFloat(emit, rounded, emit.node("Cast", [around], { to: emit.dtype("u8") }), scales, "u8");
      }),
    flops: ([x], out) => 2 * total(out) * x.at(-1)!,
  },
  /** project with weights stored in 4 bits (weights/packed.ts): W[j, 32 b + k] = (nibble k of bytes[j, b] − nibble b of zeros[j]) · scales[j, b].
   *  x: [..., m], bytes: u8 [n, m/32, 16], scales: [n, m/32], zeros: u8 [n, ⌈m/64⌉], b: [n], optional → [..., n]. */
  product4: {
    type: ([x, bytes, scales, zeros, b]) => {
      const [n, blocks, half] = bytes.shape as number[];
      if (bytes.dtype !== "u8" || half !== block / 2 || x.dtype !== "f32" || x.shape.at(-1) !== blocks * block)
        throw new ShapeError(`product4: ${x} by ${bytes}`);
      if (!sameShape(scales.shape, [n, blocks]))
        throw new ShapeError(`product4: ${bytes} with scales ${show(scales.shape)}`);
      if (zeros.dtype !== "u8" || !sameShape(zeros.shape, [n, Math.ceil(blocks / 2)]))
        throw new ShapeError(`product4: ${bytes} with zeros ${zeros}`);
      if (b && !sameShape(b.shape, [n])) throw new ShapeError(`product4: a bias of ${show(b.shape)} for ${n} outputs`);
      return { dtype: "f32", shape: [...x.shape.slice(0, -1), n] };
    },
    define: ([x, bytes, scales, zeros, b]) => {
      const y = x.matmul(matrix4(bytes, scales, zeros).T);
      return b ? y.add(b) : y;
    },
    // Activations stay floats: for those in bytes (accuracy level 4) ONNX Runtime keeps each scale three times, a quarter of a byte a weight.
    onnx: (emit, [x, bytes, scales, zeros, b], { inputs: [{ shape: given }], shape: [...lead] }) => {
      const attributes = { K: given.at(-1) as number, N: lead.at(-1) as number, bits: 4, block_size: block };
      const y = emit.node("MatMulNBits", [x, bytes, scales, zeros], attributes, "com.microsoft");
      return b ? emit.node("Add", [y, b]) : y;
    },
    flops: ([x], out) => 2 * total(out) * x.at(-1)!,
  },
};

/** Weights that share a scale in product4. */
export const block = 32;

/** The matrix [n, m] that 4-bit numbers u8 [n, m/32, 16], their scales [n, m/32] and zeros u8 [n, ⌈m/64⌉] stand for. */
export function matrix4(bytes: Tensor, scales: Tensor, zeros: Tensor): Tensor {
  const [n, blocks] = bytes.shape as number[];
  const around = nibbles(zeros).slice(1, 0, blocks).reshape([n, blocks, 1]);
  return nibbles(bytes)
    .sub(around)
    .mul(scales.reshape([n, blocks, 1]))
    .reshape([n, blocks * block]);
}

/** The two numbers of each byte, the low one first. bytes: u8 [..., k] → f32 [..., 2 k]. */
function nibbles(bytes: Tensor): Tensor {
  const both = bytes.cast("f32");
  const high = both.div(16).apply("floor");
  const shape = bytes.shape as number[];
  const [even, odd] = [both.sub(high.mul(16)), high].map((half) => half.reshape([...shape, 1]));
  return even.apply("concat", [odd], { axis: shape.length }).reshape([...shape.slice(0, -1), 2 * shape.at(-1)!]);
}

/** What the 8-bit products have in common: rows of x rounded around 128, a product of bytes, and the rows' scales again. */
function byBytes(
  emit: Emitter,
  x: string,
  b: string | undefined,
  m: Dim,
  shape: Shape,
  product: (rounded: string) => string,
): string {
  const flat = shape.length === 2 ? x : emit.node("Reshape", [x, emit.dims([-1, m])]);
  const [rounded, peak] = roundedRows(emit, flat);
  const back = emit.node("Mul", [product(rounded), emit.node("Div", [peak, emit.constant([127], [], "f32")])]);
  const biased = b ? emit.node("Add", [back, b]) : back;
  return shape.length === 2 ? biased : emit.node("Reshape", [biased, emit.reshapeDims(shape)]);
}

/** Rows as unsigned bytes around 128, and the largest magnitude of each, which is 127 of them. */
function roundedRows(emit: Emitter, y: string): [rounded: string, peak: string] {
  const largest = emit.node("ReduceMax", [emit.node("Abs", [y]), emit.ints([-1])], { keepdims: 1 });
  const peak = emit.node("Max", [largest, emit.constant([1e-30], [], "f32")]);
  const scaled = emit.node("Mul", [y, emit.node("Div", [emit.constant([127], [], "f32"), peak])]);
  const [one, zero] = [emit.constant([1], [], "f32"), emit.constant([128], [], "u8")];
  return [emit.node("QuantizeLinear", [scaled, one, zero]), peak];
}

/** a (u8 around 128) times the columns of b (u8 around 128, or i8), each by its scale. */
function intoFloat(emit: Emitter, a: string, b: string, scales: string, dtype: "u8" | "i8"): string {
  const zeros = [emit.constant([128], [], "u8"), emit.constant([dtype === "u8" ? 128 : 0], [], dtype)];
  const one = emit.constant([1], [], "f32");
  return emit.node("MatMulIntegerToFloat", [a, b, one, scales, ...zeros], {}, "com.microsoft");
}
