/** Rows that treat each element by itself, and the reductions that sum them up again. */
import { ShapeError } from "../errors.ts";
import type { Elementwise, Op, Value } from "./op.ts";
import { broadcast, type Dim, type Shape, same, show } from "./shape.ts";
import type { Attrs, Tensor, Type } from "./tensor.ts";
import { offsets, total } from "./value.ts";

/** The type of the only input. */
export const like = ([x]: readonly Tensor[]): Type => ({ dtype: x.dtype, shape: x.shape });

/** g summed back to the shape that x had before it was broadcast. */
export function sumTo(g: Tensor, x: Tensor): Tensor {
  const lead = g.shape.length - x.shape.length;
  const axes = [...g.shape.keys()].filter((i) => i < lead || (x.shape[i - lead] === 1 && g.shape[i] !== 1));
  return axes.length ? g.sum(axes).reshape(x.shape) : g;
}

function unary(onnx: string, f: (x: number) => number, grad?: Op["grad"]): Op {
  return { onnx, type: like, grad, evaluate: ([x]) => x.data.map(f) };
}

/** Two inputs of one type that broadcast; `result` where the type of the output differs. */
function binary(onnx: string, f: (x: number, y: number) => number, grad?: Op["grad"], result?: "bool"): Op {
  return {
    onnx,
    grad,
    type: ([x, y]) => {
      if (x.dtype !== y.dtype) throw new ShapeError(`${onnx}: ${x} with ${y}: the types differ; cast one`);
      return { dtype: result ?? x.dtype, shape: broadcast(onnx, x.shape, y.shape) };
    },
    evaluate: ([x, y], _, out) => zip(out, [x, y], ([a, b]) => f(a, b)),
  };
}

/** f over the broadcast inputs. */
function zip(out: readonly number[], inputs: readonly Value[], f: (values: number[]) => number): Float64Array {
  const at = inputs.map((v) => offsets(v.shape, out));
  return new Float64Array(total(out)).map((_, i) => f(inputs.map((v, k) => v.data[at[k][i]])));
}

/** Axes summed up to size 1; the gradient stretches back over them. */
function reduction(
  onnx: string,
  start: number,
  f: (sum: number, x: number) => number,
  end: (sum: number, n: number) => number,
  grad?: Op["grad"],
): Op {
  return {
    grad,
    type: ([x], { axes }) => ({ dtype: x.dtype, shape: x.shape.map((d, i) => (axes.includes(i) ? 1 : d)) }),
    onnx: (emit, [x], { attrs }) =>
      emit.node(onnx, [x, emit.ints(attrs.axes)], { keepdims: 1, noop_with_empty_axes: 1 }),
    evaluate: ([x], _, out) => {
      const result = new Float64Array(total(out)).fill(start);
      const at = offsets(out, x.shape);
      x.data.forEach((value, i) => {
        result[at[i]] = f(result[at[i]], value);
      });
      return result.map((sum) => end(sum, x.data.length / result.length));
    },
  };
}

const reduced = (shape: Shape, axes: readonly number[]): Dim[] => axes.map((a) => shape[a]);

// Abramowitz & Stegun 7.1.26 has too few digits for an oracle; the series and the continued fraction of erf have them all.
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}

/** The nearest whole number, of two the even one. */
const halfEven = (x: number): number => (x - Math.floor(x) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

export const elementwise: Record<Elementwise, Op> = {
  neg: unary(
    "Neg",
    (x) => -x,
    (g) => [g.apply("neg")],
  ),
  exp: unary("Exp", Math.exp, (g, _, y) => [g.mul(y)]),
  log: unary("Log", Math.log, (g, [x]) => [g.div(x)]),
  sqrt: unary("Sqrt", Math.sqrt, (g, _, y) => [g.mul(0.5).div(y)]),
  sin: unary("Sin", Math.sin, (g, [x]) => [g.mul(x.apply("cos"))]),
  cos: unary("Cos", Math.cos, (g, [x]) => [g.mul(x.apply("sin")).apply("neg")]),
  tanh: unary("Tanh", Math.tanh, (g, _, y) => [g.mul(y.mul(y).apply("neg").add(1))]),
  sigmoid: unary(
    "Sigmoid",
    (x) => 1 / (1 + Math.exp(-x)),
    (g, _, y) => [g.mul(y.sub(y.mul(y)))],
  ),
  // d erf(x)/dx = 2/√π · exp(−x²)
  erf: unary("Erf", erf, (g, [x]) => [
    g.mul(
      x
        .mul(x)
        .apply("neg")
        .apply("exp")
        .mul(2 / Math.sqrt(Math.PI)),
    ),
  ]),
  abs: unary("Abs", Math.abs, (g, [x]) => [g.apply("neg").where(x.less(0), g)]),
  floor: unary("Floor", Math.floor),
  // Halves go to the even neighbour, as IEEE 754 has it.
  round: unary("Round", halfEven),
  not: unary("Not", (x) => (x ? 0 : 1)),

  add: binary(
    "Add",
    (x, y) => x + y,
    (g, [x, y]) => [sumTo(g, x), sumTo(g, y)],
  ),
  sub: binary(
    "Sub",
    (x, y) => x - y,
    (g, [x, y]) => [sumTo(g, x), sumTo(g.apply("neg"), y)],
  ),
  mul: binary(
    "Mul",
    (x, y) => x * y,
    (g, [x, y]) => [sumTo(g.mul(y), x), sumTo(g.mul(x), y)],
  ),
  div: binary(
    "Div",
    (x, y) => x / y,
    (g, [x, y], z) => [sumTo(g.div(y), x), sumTo(g.mul(z).div(y).apply("neg"), y)],
  ),
  min: binary("Min", Math.min, (g, [x, y]) => [
    sumTo(g.where(x.less(y), 0), x),
    sumTo(g.where(x.less(y).apply("not"), 0), y),
  ]),
  max: binary("Max", Math.max, (g, [x, y]) => [
    sumTo(g.where(y.less(x), 0), x),
    sumTo(g.where(y.less(x).apply("not"), 0), y),
  ]),
  equal: binary("Equal", (x, y) => +(x === y), undefined, "bool"),
  less: binary("Less", (x, y) => +(x < y), undefined, "bool"),
  lessEqual: binary("LessOrEqual", (x, y) => +(x <= y), undefined, "bool"),
  and: binary("And", (x, y) => x && y),
  or: binary("Or", (x, y) => x || y),
  where: {
    onnx: "Where",
    type: ([condition, x, y]) => {
      if (condition.dtype !== "bool" || x.dtype !== y.dtype)
        throw new ShapeError(`where: a bool and two of one type were expected, found ${condition}, ${x}, ${y}`);
      return { dtype: x.dtype, shape: broadcast("where", broadcast("where", x.shape, y.shape), condition.shape) };
    },
    grad: (g, [condition, x, y]) => [
      undefined,
      sumTo(g.where(condition, 0), x),
      sumTo(g.scalar(0).where(condition, g), y),
    ],
    evaluate: (inputs, _, out) => zip(out, inputs, ([condition, x, y]) => (condition ? x : y)),
  },
  cast: {
    type: ([x], { to }) => ({ dtype: to, shape: x.shape }),
    onnx: (emit, [x], { attrs }) => emit.node("Cast", [x], { to: emit.dtype(attrs.to) }),
    grad: (g, [x]) => [x.dtype === "f32" || x.dtype === "f16" ? g.cast(x.dtype) : undefined],
    evaluate: ([x], { to }) => x.data.map((v) => (to === "bool" ? +(v !== 0) : to === "f32" ? v : Math.trunc(v))),
  },

  /** The nearest whole number, ties to even, as unsigned 8 bits in which `zero` stands for 0; beyond 8 bits the last one. f32 → u8. */
  round8: {
    type: ([x]) => {
      if (x.dtype !== "f32") throw new ShapeError(`round8: ${x}, f32 was expected`);
      return { dtype: "u8", shape: x.shape };
    },
    onnx: (emit, [x], { attrs: { zero } }) =>
      emit.node("QuantizeLinear", [x, emit.constant([1], [], "f32"), emit.constant([zero], [], "u8")]),
    evaluate: ([x], { zero }) => x.data.map((v) => Math.min(255, Math.max(0, halfEven(v) + zero))),
  },

  sum: reduction(
    "ReduceSum",
    0,
    (s, x) => s + x,
    (s) => s,
    (g, [x]) => [g.expand(x.shape)],
  ),
  mean: reduction(
    "ReduceMean",
    0,
    (s, x) => s + x,
    (s, n) => s / n,
    (g, [x], _, { axes }) => {
      const n = reduced(x.shape, axes);
      if (n.some((d) => typeof d !== "number"))
        throw new ShapeError(`mean: no gradient over axes ${show(n)} of unknown size`);
      return [g.div(total(n as number[])).expand(x.shape)];
    },
  ),
  maximum: reduction(
    "ReduceMax",
    -Infinity,
    Math.max,
    (s) => s,
    (g, [x], y) => {
      // Ties share the gradient.
      const hit = x.scalar(1).where(x.equal(y), 0);
      const axes = [...x.shape.keys()].filter((i) => !same(x.shape[i], y.shape[i]));
      return [hit.mul(g).div(hit.sum(axes))];
    },
  ),
  cumsum: {
    type: like,
    onnx: (emit, [x], { attrs }) => emit.node("CumSum", [x, emit.int(attrs.axis)]),
    evaluate: ([x], { axis }: Attrs) => {
      const y = x.data.slice();
      const step = total(x.shape.slice(axis + 1));
      for (let i = 0; i < y.length; i++) if (Math.floor(i / step) % x.shape[axis] > 0) y[i] += y[i - step];
      return y;
    },
  },
};
