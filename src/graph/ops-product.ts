/** Rows that are matrix products. */
import { ShapeError } from "../errors.ts";
import type { Op, Product, Value } from "./op.ts";
import { sumTo } from "./ops-elementwise.ts";
import { broadcast, count, same, sameShape, show } from "./shape.ts";
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
    onnx: (emit, [x, w, b], { inputs: [{ shape: given }, { shape }], shape: result }) => {
      const peak = (y: string): string =>
        emit.node("Max", [
          emit.node("ReduceMax", [emit.node("Abs", [y]), emit.ints([-1])], { keepdims: 1 }),
          emit.constant([1e-30], [], "f32"),
        ]);
      const limit = emit.constant([127], [], "f32");
      const flat = given.length === 2 ? x : emit.node("Reshape", [x, emit.dims([-1, shape[1]])]);
      const [xp, wp] = [peak(flat), peak(w)];
      const scaled = (y: string, p: string): string => emit.node("Mul", [y, emit.node("Div", [limit, p])]);
      const one = emit.constant([1], [], "f32");
      const zero = emit.constant([128], [], "u8");
      const a = emit.node("QuantizeLinear", [scaled(flat, xp), one, zero]);
      const rounded = emit.node("QuantizeLinear", [scaled(w, wp), one, zero]);
      const columns = emit.node("Transpose", [rounded], { perm: [1, 0] });
      const scales = emit.node("Reshape", [emit.node("Div", [wp, limit]), emit.ints([-1])]);
      const y = emit.node("MatMulIntegerToFloat", [a, columns, one, scales, zero, zero], {}, "com.microsoft");
      const back = emit.node("Mul", [y, emit.node("Div", [xp, limit])]);
      const biased = b ? emit.node("Add", [back, b]) : back;
      return given.length === 2 ? biased : emit.node("Reshape", [biased, emit.reshapeDims(result)]);
    },
    flops: ([x], out) => 2 * total(out) * x.at(-1)!,
  },
};
