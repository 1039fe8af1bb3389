/** Rows that make, move, cut and gather elements without arithmetic. */
import { ShapeError } from "../errors.ts";
import type { Layout, Op } from "./op.ts";
import { broadcast, count, type Dim, fixed, minus, plus, type Shape, same, sameShape, show } from "./shape.ts";
import type { Tensor } from "./tensor.ts";
import { offsets, strides, total, walk } from "./value.ts";

const integers = ["i64", "i32"];

function wholeNumbers(op: string, ids: Tensor): void {
  if (!integers.includes(ids.dtype)) throw new ShapeError(`${op}: ids are ${ids}, i64 was expected`);
}

export const layout: Record<Layout, Op> = {
  /** A tensor given at each run. attrs: name, shape, dtype. */
  input: {
    type: (_, { shape, dtype }) => ({ shape, dtype }),
    onnx: (_emit, _, { attrs }) => attrs.name,
  },
  /** A weight: key in the checkpoint; `at` says where its bytes lie (see onnx.ts), absent where each run is given it. */
  param: {
    type: (_, { shape, dtype }) => ({ shape, dtype }),
    onnx: (emit, _, node) => emit.param(node),
  },
  /** Values in the graph itself. attrs: data, shape, dtype. */
  constant: {
    type: (_, { data, shape, dtype }) => {
      if (data.length !== total(shape)) throw new ShapeError(`constant: ${data.length} values for ${show(shape)}`);
      return { shape, dtype };
    },
    onnx: (emit, _, { attrs }) => emit.constant(attrs.data, attrs.shape, attrs.dtype),
    evaluate: (_, { data }) => Float64Array.from(data as number[]),
  },
  /** 0 … n − 1. */
  iota: {
    type: (_, { n }) => ({ shape: [n], dtype: "i64" }),
    onnx: (emit, _, { attrs }) => emit.node("Range", [emit.int(0), emit.scalarDim(attrs.n), emit.int(1)]),
    evaluate: (_inputs, _, [n]) => Float64Array.from({ length: n }, (_, i) => i),
  },
  reshape: {
    type: ([x], { shape }) => {
      if (!same(count(x.shape), count(shape)))
        throw new ShapeError(`reshape: ${show(x.shape)} has not as many elements as ${show(shape)}`);
      return { dtype: x.dtype, shape };
    },
    grad: (g, [x]) => [g.reshape(x.shape)],
    onnx: (emit, [x], { attrs }) => emit.node("Reshape", [x, emit.reshapeDims(attrs.shape)]),
    evaluate: ([x]) => x.data,
  },
  transpose: {
    type: ([x], { perm }) => {
      if ([...perm].sort((a, b) => a - b).some((p, i) => p !== i) || perm.length !== x.shape.length)
        throw new ShapeError(`transpose: [${perm}] is no order of the axes of ${show(x.shape)}`);
      return { dtype: x.dtype, shape: perm.map((p: number) => x.shape[p]) };
    },
    grad: (g, _inputs, _y, { perm }) => [g.transpose(perm.map((_: number, i: number) => perm.indexOf(i)))],
    onnx: (emit, [x], { attrs }) => emit.node("Transpose", [x], { perm: attrs.perm }),
    evaluate: ([x], { perm }, out) => {
      const own = strides(x.shape);
      const at = walk(
        out,
        perm.map((p: number) => own[p]),
      );
      return x.data.map((_, i) => x.data[at[i]]);
    },
  },
  expand: {
    type: ([x], { shape }) => {
      if (!sameShape(broadcast("expand", x.shape, shape), shape))
        throw new ShapeError(`expand: ${show(x.shape)} does not stretch to ${show(shape)}`);
      return { dtype: x.dtype, shape };
    },
    grad: (g, [x]) => {
      const lead = g.shape.length - x.shape.length;
      const axes = [...g.shape.keys()].filter((i) => i < lead || (x.shape[i - lead] === 1 && g.shape[i] !== 1));
      return [g.sum(axes).reshape(x.shape)];
    },
    onnx: (emit, [x], { attrs }) => emit.node("Expand", [x, emit.dims(attrs.shape)]),
    evaluate: ([x], _, out) => Float64Array.from(offsets(x.shape, out), (at) => x.data[at]),
  },
  concat: {
    type: (parts, { axis }) => {
      const [first, ...rest] = parts;
      for (const part of rest)
        if (
          part.dtype !== first.dtype ||
          part.shape.length !== first.shape.length ||
          part.shape.some((d, i) => i !== axis && !same(d, first.shape[i]))
        )
          throw new ShapeError(`concat along ${axis}: ${part} beside ${first}`);
      const along = parts.map((part) => part.shape[axis]).reduce(plus);
      return { dtype: first.dtype, shape: first.shape.map((d, i) => (i === axis ? along : d)) };
    },
    grad: (g, parts, _, { axis }) => {
      let start: Dim = 0;
      return parts.map((part) => {
        const end = plus(start, part.shape[axis]);
        const slice = g.slice(axis, start, end);
        start = end;
        return slice;
      });
    },
    onnx: (emit, parts, { attrs }) => emit.node("Concat", parts, { axis: attrs.axis }),
    evaluate: (parts, { axis }, out) => {
      const result = new Float64Array(total(out));
      const inner = total(out.slice(axis + 1));
      let start = 0;
      for (const part of parts) {
        const run = part.shape[axis] * inner;
        for (let i = 0; i < part.data.length; i++)
          result[Math.floor(i / run) * out[axis] * inner + start * inner + (i % run)] = part.data[i];
        start += part.shape[axis];
      }
      return result;
    },
  },
  slice: {
    type: ([x], { axis, start, end }) => {
      if (
        typeof start === "number" &&
        typeof end === "number" &&
        typeof x.shape[axis] === "number" &&
        (start < 0 || end > x.shape[axis] || start > end)
      )
        throw new ShapeError(`slice: [${start}, ${end}) of axis ${axis} of ${show(x.shape)}`);
      return { dtype: x.dtype, shape: x.shape.map((d, i) => (i === axis ? minus(end, start) : d)) };
    },
    grad: (g, [x], _, { axis, start, end }) => [
      g.apply("pad", [], { axis, before: start, after: minus(x.shape[axis], end) }),
    ],
    onnx: (emit, [x], { attrs }) =>
      emit.node("Slice", [x, emit.dims([attrs.start]), emit.dims([attrs.end]), emit.ints([attrs.axis])]),
    evaluate: ([x], { axis, start }, out) => {
      const own = strides(x.shape);
      return Float64Array.from(walk(out, own, fixed(start, "slice") * own[axis]), (at) => x.data[at]);
    },
  },
  /** Zeros before and after along an axis. */
  pad: {
    type: ([x], { axis, before, after }) => ({
      dtype: x.dtype,
      shape: x.shape.map((d, i) => (i === axis ? plus(plus(before, d), after) : d)),
    }),
    grad: (g, [x], _, { axis, before }) => [g.slice(axis, before, plus(before, x.shape[axis]))],
    onnx: (emit, [x], { attrs, shape }) => {
      const one = (at: Dim): Dim[] => shape.map((_, i) => (i === attrs.axis ? at : 0));
      return emit.node("Pad", [x, emit.dims([...one(attrs.before), ...one(attrs.after)])]);
    },
    evaluate: ([x], { axis, before }, out) => {
      const result = new Float64Array(total(out));
      const step = strides(out);
      walk(x.shape, step, fixed(before, "pad") * step[axis]).forEach((at, i) => {
        result[at] = x.data[i];
      });
      return result;
    },
  },
  /** Rows of a table. x: [v, ...], ids: [...i] → [...i, ...]. */
  rows: {
    type: ([x, ids]) => {
      wholeNumbers("rows", ids);
      return { dtype: x.dtype, shape: [...ids.shape, ...x.shape.slice(1)] };
    },
    grad: (g, [x, ids]) => [g.apply("addRows", [ids], { rows: x.shape[0], row: x.shape.slice(1) }), undefined],
    onnx: (emit, [x, ids]) => emit.node("Gather", [x, ids], { axis: 0 }),
    evaluate: ([x, ids], _, out) => {
      const width = total(x.shape.slice(1));
      return new Float64Array(total(out)).map((_, i) => x.data[ids.data[Math.floor(i / width)] * width + (i % width)]);
    },
  },
  /** The sum of updates that name the same row: updates: [...i, ...row], ids: [...i] → [rows, ...row]. */
  addRows: {
    type: ([x, ids], { rows, row }) => {
      wholeNumbers("addRows", ids);
      if (!sameShape(x.shape, [...ids.shape, ...row]))
        throw new ShapeError(`addRows: updates are ${show(x.shape)}, ids ${show(ids.shape)}, a row ${show(row)}`);
      return { dtype: x.dtype, shape: [rows, ...row] };
    },
    grad: (g, [, ids]) => [g.rows(ids), undefined],
    onnx: (emit, [x, ids], { attrs, shape, dtype }) => {
      const zeros = emit.node("Expand", [emit.constant([0], [], dtype), emit.dims(shape)]);
      const updates = emit.node("Reshape", [x, emit.reshapeDims([-1, ...attrs.row] as Shape)]);
      const flat = emit.node("Reshape", [ids, emit.dims([-1, ...attrs.row.map(() => 1)])]);
      const spread = emit.node("Expand", [flat, emit.dims([1, ...attrs.row] as Shape)]);
      // Not ScatterND, which adds rows from several threads at once and loses some where ids repeat.
      return emit.node("ScatterElements", [zeros, spread, updates], { axis: 0, reduction: "add" });
    },
    evaluate: ([x, ids], { row }, out) => {
      const result = new Float64Array(total(out));
      const width = total(row);
      x.data.forEach((value, i) => {
        result[ids.data[Math.floor(i / width)] * width + (i % width)] += value;
      });
      return result;
    },
  },
  /** One element of the last axis at each position: x: [..., v], ids: [...] → [...]. */
  pick: {
    type: ([x, ids]) => {
      wholeNumbers("pick", ids);
      if (!sameShape(x.shape.slice(0, -1), ids.shape))
        throw new ShapeError(`pick: ids ${show(ids.shape)} from ${show(x.shape)}`);
      return { dtype: x.dtype, shape: ids.shape };
    },
    grad: (g, [x, ids]) => {
      const v = x.shape.at(-1)!;
      const hit = ids.reshape([...ids.shape, 1]).equal(ids.iota(v));
      return [g.reshape([...ids.shape, 1]).where(hit, 0), undefined];
    },
    onnx: (emit, [x, ids], { shape }) => {
      const column = emit.node("Unsqueeze", [ids, emit.ints([shape.length])]);
      return emit.node("Squeeze", [
        emit.node("GatherElements", [x, column], { axis: shape.length }),
        emit.ints([shape.length]),
      ]);
    },
    evaluate: ([x, ids]) => ids.data.map((id, i) => x.data[(i * x.data.length) / ids.data.length + id]),
  },
};
