/** Lowering: a graph to the bytes of an ONNX model whose weights stay where they are, named by file, offset and length. */
import { ShapeError } from "../errors.ts";
import { expanded, inputsOf, type Outputs, order } from "./graph.ts";
import { attributeTypes, dataTypes, encodeModel } from "./onnx-proto.ts";
import { ops } from "./ops.ts";
import { type Dim, type Shape, Size } from "./shape.ts";
import type { DType, Tensor } from "./tensor.ts";

/** Where the bytes of a stored tensor lie; `dtype` is the stored one, cast to the computed one when it differs. */
export interface Place {
  file: string;
  offset: number;
  length: number;
  dtype: DType;
}

export interface LowerOptions {
  /** Lower composites to the operators of ONNX Runtime's own domain; false lowers their definitions. Default true. */
  fused?: boolean;
  /** Whether products of unsigned and signed 8 bits are exact on this processor; false shifts stored weights to unsigned ones. Default false. */
  signed8?: boolean;
}

/** Most numbers of a constant that is written once however often it is used, so that equal nodes behind it are, too: as many as a Hadamard matrix has. */
const shared = 1024;

type Attribute = number | string | readonly number[] | { float: number };

/** The ONNX model of a graph. Weights without a place become inputs of the run, named by their key. */
export function onnxModel(outputs: Outputs, options: LowerOptions = {}): Uint8Array {
  return new Emitter(outputs, options).model(outputs);
}

/** Collects nodes and initialisers; rows of the table write into it. Equal nodes are written once. */
export class Emitter {
  private readonly nodes: {
    op_type: string;
    input: readonly string[];
    output: readonly string[];
    [field: string]: unknown;
  }[] = [];
  private readonly published = new Map<string, string>();
  private readonly initializers: object[] = [];
  private readonly inputs: object[] = [];
  private readonly names = new Map<Tensor, string>();
  private readonly written = new Map<string, string>();
  /** Named size → the input and the axis that bind it. */
  private readonly sizes = new Map<string, [input: string, axis: number]>();
  readonly fused: boolean;
  readonly signed8: boolean;

  constructor(outputs: Outputs, { fused = true, signed8 = false }: LowerOptions) {
    this.fused = fused;
    this.signed8 = signed8;
    for (const x of inputsOf(outputs)) {
      this.inputs.push(valueInfo(x.attrs.name, x.dtype, x.shape));
      x.shape.forEach((d, axis) => {
        if (d instanceof Size && d.terms.get(d.toString()) === 1 && !this.sizes.has(d.toString()))
          this.sizes.set(d.toString(), [x.attrs.name, axis]);
      });
    }
  }

  model(outputs: Outputs): Uint8Array {
    const results = Object.entries(outputs).map(([name, y]) => {
      this.publish(this.tensor(y), name);
      return valueInfo(name, y.dtype, y.shape);
    });
    const named = (names: readonly string[]): string[] => names.map((name) => this.published.get(name) ?? name);
    const graph = {
      name: "galago",
      node: this.nodes.map((n) => ({ ...n, input: named(n.input), output: named(n.output) })),
      initializer: this.initializers,
      input: this.inputs,
      output: results,
    };
    const opset_import = [
      { domain: "", version: 21 },
      { domain: "com.microsoft", version: 1 },
    ];
    return encodeModel({ ir_version: 10, producer_name: "galago", opset_import, graph });
  }

  /** Gives a result its public name where it is computed, without a copy; inputs, weights and second names are copied. */
  private publish(internal: string, name: string): void {
    const source = this.nodes.find(({ output }) => output[0] === internal);
    if (!source || this.published.has(internal)) {
      this.nodes.push({ op_type: "Identity", input: [internal], output: [name], name });
      return;
    }
    this.published.set(internal, name);
  }

  private tensor(y: Tensor): string {
    for (const node of order([y])) if (!this.names.has(node)) this.names.set(node, this.lower(node));
    return this.names.get(y)!;
  }

  private lower(node: Tensor): string {
    const { onnx } = ops[node.op];
    const definition = onnx && (this.fused || !ops[node.op].define) ? undefined : expanded(node);
    if (definition) return this.tensor(definition);
    if (!onnx) throw new ShapeError(`${node} has no lowering`);
    const inputs = node.inputs.map((x) => this.names.get(x)!);
    return typeof onnx === "string" ? this.node(onnx, inputs) : onnx(this, inputs, node);
  }

  /** One node with one result, whose name is returned; a node already written with the same inputs serves again. */
  node(
    op_type: string,
    input: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = "",
  ): string {
    const key = JSON.stringify([domain, op_type, input, attributes]);
    const before = this.written.get(key);
    if (before) return before;
    const name = `${op_type}_${this.nodes.length}`;
    const attribute = Object.entries(attributes).map(([k, v]) => attributeProto(k, v));
    this.nodes.push({ op_type, input, output: [name], name, attribute, domain });
    this.written.set(key, name);
    return name;
  }

  /** Values in the file itself. */
  constant(data: ArrayLike<number>, shape: readonly number[], dtype: DType): string {
    const key = data.length <= shared ? JSON.stringify([Array.from(data), shape, dtype]) : undefined;
    const before = key && this.written.get(key);
    if (before) return before;
    const name = `constant_${this.initializers.length}`;
    this.initializers.push({ name, dims: shape, data_type: dataTypes[dtype], raw_data: rawData(data, dtype) });
    if (key) this.written.set(key, name);
    return name;
  }

  /** A weight: bytes of a file, or an input of the run. */
  param({ attrs: { key, at }, shape, dtype }: Tensor): string {
    const before = this.written.get(key);
    if (before) return before;
    this.written.set(key, key);
    if (!at) {
      this.inputs.push(valueInfo(key, dtype, shape));
      return key;
    }
    const { file, offset, length, dtype: stored } = at as Place;
    const external_data = Object.entries({ location: file, offset: `${offset}`, length: `${length}` }).map(
      ([k, value]) => ({ key: k, value }),
    );
    const name = stored === dtype ? key : `${key}.stored`;
    this.initializers.push({ name, dims: shape, data_type: dataTypes[stored], external_data, data_location: 1 });
    const computed = stored === dtype ? key : this.node("Cast", [name], { to: dataTypes[dtype] });
    this.written.set(key, computed);
    return computed;
  }

  dtype(name: DType): number {
    return dataTypes[name];
  }
  float(value: number): { float: number } {
    return { float: value };
  }
  int(value: number): string {
    return this.constant([value], [], "i64");
  }
  ints(values: readonly number[]): string {
    return this.constant(values, [values.length], "i64");
  }

  /** A shape as a tensor [rank], computed from the inputs where it is not known. */
  dims(shape: Shape): string {
    if (shape.every((d) => typeof d === "number")) return this.ints(shape as number[]);
    return shape.length === 1
      ? this.dim(shape[0])
      : this.node(
          "Concat",
          shape.map((d) => this.dim(d)),
          { axis: 0 },
        );
  }
  /** The same for Reshape, which finds one unknown size by itself. */
  reshapeDims(shape: Shape): string {
    const unknown = shape.filter((d) => typeof d !== "number").length;
    const plain = unknown === 1 && !shape.includes(0);
    return this.dims(plain ? shape.map((d) => (typeof d === "number" ? d : -1)) : shape);
  }
  /** A size as a scalar. */
  scalarDim(d: Dim): string {
    return typeof d === "number" ? this.int(d) : this.node("Squeeze", [this.dim(d), this.ints([0])]);
  }

  private dim(d: Dim): string {
    if (typeof d === "number") return this.ints([d]);
    const term = (names: string, factor: number): string => {
      const product = names
        .split("*")
        .filter(Boolean)
        .map((name) => this.named(name));
      const factors = factor === 1 && product.length ? product : [this.ints([factor]), ...product];
      return factors.reduce((a, b) => this.node("Mul", [a, b]));
    };
    return [...d.terms].map(([names, k]) => term(names, k)).reduce((a, b) => this.node("Add", [a, b]));
  }
  private named(name: string): string {
    const source = this.sizes.get(name);
    if (!source)
      throw new ShapeError(
        `size "${name}" is bound by no input; there are ${[...this.sizes.keys()].join(", ") || "none"}`,
      );
    return this.node("Shape", [source[0]], { start: source[1], end: source[1] + 1 });
  }
}

function attributeProto(name: string, value: Attribute): object {
  if (typeof value === "number") return { name, i: value, type: attributeTypes.i };
  if (typeof value === "string") return { name, s: new TextEncoder().encode(value), type: attributeTypes.s };
  if ("float" in value) return { name, f: value.float, type: attributeTypes.f };
  return { name, ints: value, type: attributeTypes.ints };
}

function valueInfo(name: string, dtype: DType, shape: Shape): object {
  const dim = shape.map((d) => (typeof d === "number" ? { dim_value: d } : { dim_param: d.toString() }));
  return { name, type: { tensor_type: { elem_type: dataTypes[dtype], shape: { dim } } } };
}

function rawData(data: ArrayLike<number>, dtype: DType): Uint8Array {
  const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array, i8: Int8Array, bool: Uint8Array };
  if (dtype === "f16" || dtype === "bf16")
    throw new ShapeError(`constant: ${dtype} values are written as f32 and cast`);
  const array = dtype === "i64" ? BigInt64Array.from(Array.from(data), BigInt) : arrays[dtype].from(data);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
