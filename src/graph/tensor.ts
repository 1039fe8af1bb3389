/** The symbolic tensor: an immutable node that knows its operator, inputs, type and shape, and nothing of values. */
import { ShapeError } from "../errors.ts";
import type { OpName } from "./op.ts";
import { ops } from "./ops.ts";
import { rearranged } from "./rearrange.ts";
import { count, type Dim, over, type Shape, sameShape, show } from "./shape.ts";

export type DType = "f32" | "f16" | "bf16" | "i64" | "i32" | "u8" | "i8" | "bool";
// Attributes differ from row to row of the table; each row states and checks its own.
export type Attrs = Readonly<Record<string, any>>;
export interface Type {
  dtype: DType;
  shape: Shape;
}

export class Tensor implements Type {
  readonly op: OpName;
  readonly inputs: readonly Tensor[];
  readonly attrs: Attrs;
  readonly dtype: DType;
  readonly shape: Shape;
  constructor(op: OpName, inputs: readonly Tensor[], attrs: Attrs, type: Type) {
    this.op = op;
    this.inputs = inputs;
    this.attrs = attrs;
    this.dtype = type.dtype;
    this.shape = type.shape;
  }

  /** This tensor as first input of any operator of the table. */
  apply(op: OpName, others: readonly Tensor[] = [], attrs: Attrs = {}): Tensor {
    return node(op, [this, ...others], attrs);
  }
  /** A scalar constant of this tensor's type. */
  scalar(value: number): Tensor {
    return this.constant([value], []);
  }
  /** A constant of this tensor's type. */
  constant(data: ArrayLike<number>, shape: readonly number[]): Tensor {
    return constant(data, shape, this.dtype);
  }
  /** 0, 1, …, n − 1 as i64. */
  iota(n: Dim): Tensor {
    return iota(n);
  }
  private with(op: OpName, y: Tensor | number): Tensor {
    return this.apply(op, [typeof y === "number" ? this.scalar(y) : y]);
  }

  add(y: Tensor | number): Tensor {
    return this.with("add", y);
  }
  sub(y: Tensor | number): Tensor {
    return this.with("sub", y);
  }
  mul(y: Tensor | number): Tensor {
    return this.with("mul", y);
  }
  div(y: Tensor | number): Tensor {
    return this.with("div", y);
  }
  equal(y: Tensor | number): Tensor {
    return this.with("equal", y);
  }
  less(y: Tensor | number): Tensor {
    return this.with("less", y);
  }
  lessEqual(y: Tensor | number): Tensor {
    return this.with("lessEqual", y);
  }
  and(y: Tensor): Tensor {
    return this.apply("and", [y]);
  }
  or(y: Tensor): Tensor {
    return this.apply("or", [y]);
  }
  /** Elementwise min(x, y) and max(x, y). */
  min(y: Tensor | number): Tensor {
    return this.with("min", y);
  }
  max(y: Tensor | number): Tensor {
    return this.with("max", y);
  }
  /** x where the condition holds, otherwise y. */
  where(condition: Tensor, y: Tensor | number): Tensor {
    return condition.apply("where", [this, typeof y === "number" ? this.scalar(y) : y]);
  }

  /** Σ, mean and maximum over axes (default: the last), which stay with size 1. */
  sum(axes: readonly number[] = [-1]): Tensor {
    return this.apply("sum", [], { axes: this.axes(axes) });
  }
  mean(axes: readonly number[] = [-1]): Tensor {
    return this.apply("mean", [], { axes: this.axes(axes) });
  }
  maximum(axes: readonly number[] = [-1]): Tensor {
    return this.apply("maximum", [], { axes: this.axes(axes) });
  }
  private axes(axes: readonly number[]): number[] {
    return axes.map((a) => (a < 0 ? a + this.shape.length : a)).sort((a, b) => a - b);
  }

  /** Matrix product over the last two axes, the others broadcast; transposes are absorbed, not computed. */
  matmul(y: Tensor): Tensor {
    const [a, transA] = untransposed(this);
    const [b, transB] = untransposed(y);
    return a.apply("matmul", [b], { transA, transB });
  }
  /** The last two axes swapped. */
  get T(): Tensor {
    const r = this.shape.length;
    return this.transpose([...Array(r - 2).keys(), r - 1, r - 2]);
  }

  /** The same elements under another shape; one size may be −1. */
  reshape(shape: Shape): Tensor {
    const known = count(shape.filter((d) => d !== -1));
    const full = shape.map((d) => (d === -1 ? (over(count(this.shape), known) ?? -1) : d));
    return sameShape(full, this.shape) ? this : this.apply("reshape", [], { shape: full });
  }
  transpose(perm: readonly number[]): Tensor {
    return perm.every((p, i) => p === i) ? this : this.apply("transpose", [], { perm });
  }
  /** Broadcast to a shape. */
  expand(shape: Shape): Tensor {
    return sameShape(shape, this.shape) ? this : this.apply("expand", [], { shape });
  }
  /** Axes by name, as in "b t (h e) -> b h t e"; `sizes` gives what the shape alone does not. */
  rearrange(pattern: string, sizes: Readonly<Record<string, Dim>> = {}): Tensor {
    return rearranged(this, pattern, sizes);
  }
  /** x[start, end) along an axis; `end` may be a size. */
  slice(axis: number, start: Dim, end: Dim): Tensor {
    return this.apply("slice", [], { axis: axis < 0 ? axis + this.shape.length : axis, start, end });
  }
  /** Rows of a table: x: [v, ...], ids: [...i] → [...i, ...]. */
  rows(ids: Tensor): Tensor {
    return this.apply("rows", [ids]);
  }
  /** One element of the last axis for each position: x: [..., v], ids: [...] → [...]. */
  pick(ids: Tensor): Tensor {
    return this.apply("pick", [ids]);
  }
  cast(to: DType): Tensor {
    return to === this.dtype ? this : this.apply("cast", [], { to });
  }
  toString(): string {
    return `${this.op} ${this.dtype}${show(this.shape)}`;
  }
}

/** The tensor before a swap of its last two axes, and whether there was one. */
function untransposed(x: Tensor): [Tensor, boolean] {
  const r = x.shape.length;
  const perm = x.op === "transpose" ? (x.attrs.perm as number[]) : [];
  const swapped = r >= 2 && perm[r - 1] === r - 2 && perm[r - 2] === r - 1;
  return swapped && perm.slice(0, -2).every((p, i) => p === i) ? [x.inputs[0], true] : [x, false];
}

/** A node of the graph. A type that does not fit is an error that names the line of model code that asked for it. */
export function node(op: OpName, inputs: readonly Tensor[], attrs: Attrs): Tensor {
  try {
    return new Tensor(op, inputs, attrs, ops[op].type(inputs, attrs));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const line = caller(error.stack ?? "");
    throw line && !error.message.includes(" (at ") ? new ShapeError(`${error.message} (at ${line})`) : error;
  }
}

/** The first stack line outside the compiler and the layers: the line of the model. */
function caller(stack: string): string | undefined {
  const lines = stack.split("\n").filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line));
  const outside = lines.find(
    (line) => !/[\\/](src|dist)[\\/](graph|nn)[\\/][^\\/]*$/.test(line) && !line.includes("node:"),
  );
  return outside?.match(/([^\s(]+:\d+):\d+\)?$/)?.[1]?.replace(/^file:\/\//, "");
}

/** Values written in the graph itself. */
export const constant = (data: ArrayLike<number>, shape: readonly number[], dtype: DType = "f32"): Tensor =>
  node("constant", [], { data, shape, dtype });

/** A tensor that each run is given. */
export const input = (name: string, shape: Shape, dtype: DType = "f32"): Tensor =>
  node("input", [], { name, shape, dtype });

/** 0, 1, …, n − 1 as i64. */
export const iota = (n: Dim): Tensor => node("iota", [], { n });

/** Tensors one after another along an axis. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  return parts.length === 1
    ? parts[0]
    : node("concat", parts, { axis: axis < 0 ? axis + parts[0].shape.length : axis });
}
