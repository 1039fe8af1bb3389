/** What one row of the operator table says: type, meaning, gradient, lowering. */
import type { Emitter } from "./onnx.ts";
import type { Attrs, Tensor, Type } from "./tensor.ts";

/** The names of the rows, by the room they stand in; a name without a row is a compile error, and so is a row without a name. */
export type Elementwise =
  | ("neg" | "exp" | "log" | "sqrt" | "sin" | "cos" | "tanh" | "sigmoid" | "erf" | "abs" | "floor" | "round" | "not")
  | (
      | "add"
      | "sub"
      | "mul"
      | "div"
      | "min"
      | "max"
      | "equal"
      | "less"
      | "lessEqual"
      | "and"
      | "or"
      | "where"
      | "cast"
      | "round8"
    )
  | ("sum" | "mean" | "maximum" | "cumsum");
export type Layout =
  | ("input" | "param" | "constant" | "iota" | "reshape" | "transpose" | "expand" | "concat" | "slice" | "pad")
  | ("rows" | "addRows" | "pick");
export type Product = "matmul" | "matmul8" | "project" | "project8" | "product8" | "product4";
export type Composite = "softmax" | "logSoftmax" | "multiHead" | "gelu" | "silu" | "layerNorm" | "rmsNorm" | "hadamard";
export type OpName = Elementwise | Layout | Product | Composite;

/** Values of a tensor in the slow evaluator: every dtype as float64, row-major. */
export interface Value {
  shape: readonly number[];
  data: Float64Array;
}

export interface Op {
  /** Type of the result; throws ShapeError on inputs that do not fit. */
  type(inputs: readonly Tensor[], attrs: Attrs): Type;
  /** ∂L/∂inputs from g = ∂L/∂y; undefined for an input that carries no gradient. A row without it cannot be trained through. */
  grad?(g: Tensor, inputs: readonly Tensor[], y: Tensor, attrs: Attrs): (Tensor | undefined)[];
  /** Meaning in other rows of the table: what a composite is where the target has no operator for it. */
  define?(inputs: readonly Tensor[], attrs: Attrs): Tensor;
  /** The ONNX operator with the same inputs, or a function that emits nodes and names the result. */
  onnx?: string | ((emit: Emitter, inputs: readonly string[], node: Tensor) => string);
  /** Slow, obvious float64 meaning, for rows without `define`. */
  evaluate?(inputs: readonly Value[], attrs: Attrs, out: readonly number[]): Float64Array;
  /** Floating-point operations of a matrix product; rows without it count none. Shapes are bound. */
  flops?(inputs: readonly (readonly number[])[], out: readonly number[], attrs: Attrs): number;
}
