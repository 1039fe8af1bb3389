// A LLaMA-like language model of random weights in ONNX, in the form that users of transformers.js have it: what exporters write for
// LlamaForCausalLM, node by node (rotary halves by Slice, Neg and Concat, keys repeated for groups of heads by Expand, attention by MatMul and Softmax,
// the cache by Concat, logits of the last tokens only), and for q8 what transformers.js' own quantiser makes of it: every product with a weight by
// DynamicQuantizeLinear and MatMulInteger, signed bytes with one scale a matrix, the embedding in bytes too. ONNX Runtime fuses what it can when it opens.
// Formats: github.com/onnx/onnx, onnx/onnx.proto, IR version 8, docs/ExternalData.md.
import { closeSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { attributeTypes, dataTypes, encodeModel } from "../../dist/graph/onnx-proto.js";

const arrays = { f32: Float32Array, i8: Int8Array };

/** A tensor that the model is given or gives; sizes with a name are those of the run. */
const value = (name, type, shape) => ({
  name,
  type: {
    tensor_type: {
      elem_type: dataTypes[type],
      shape: { dim: shape.map((d) => (typeof d === "number" ? { dim_value: d } : { dim_param: d })) },
    },
  },
});

/** Nodes, constants and stored weights, as they come. */
class Graph {
  nodes = [];
  tensors = [];
  stored = [];
  bytes = 0;

  constructor(file) {
    this.file = file;
  }

  /** A node; its first result is returned, or all where `results` says how many. */
  node(op, inputs, attributes = {}, results) {
    const name = `${op}_${this.nodes.length}`;
    const outputs = Array.from({ length: results ?? 1 }, (_, i) => `${name}_output_${i}`);
    const attribute = ([name, v]) =>
      Array.isArray(v) ? { name, ints: v, type: attributeTypes.ints } : { name, i: v, type: attributeTypes.i };
    this.nodes.push({
      input: inputs,
      output: outputs,
      name,
      op_type: op,
      attribute: Object.entries(attributes).map(attribute),
    });
    return results ? outputs : outputs[0];
  }

  output(name, x) {
    this.nodes.push({ input: [x], output: [name], op_type: "Identity" });
  }

  constant(type, values, shape = [values.length]) {
    const data = type === "i64" ? BigInt64Array.from(values, BigInt) : arrays[type].from(values);
    return this.tensor(type, shape, { raw_data: new Uint8Array(data.buffer) });
  }
  number = (type, x) => this.constant(type, [x], []);
  ints = (...values) => this.constant("i64", values);

  /** A weight of the file beside, under the name that LLaMA's checkpoints give it. */
  weight(name, type, shape, spread) {
    const length = shape.reduce((a, b) => a * b, 1) * arrays[type].BYTES_PER_ELEMENT;
    const entries = Object.entries({ location: this.file, offset: `${this.bytes}`, length: `${length}` });
    this.stored.push({ name, type, shape, offset: this.bytes, length, spread });
    this.bytes += length;
    const external_data = entries.map(([key, value]) => ({ key, value }));
    return this.tensor(type, shape, { external_data, data_location: 1 }, name);
  }

  tensor(type, shape, rest, name = `constant_${this.tensors.length}`) {
    this.tensors.push({ dims: shape, data_type: dataTypes[type], name, ...rest });
    return name;
  }
}

/** The graph: input_ids, attention_mask, position_ids, past_key_values.*, num_logits_to_keep → logits, present.*. */
function languageModel(graph, { layers, width, heads, keyHeads, inner, vocabulary }, form) {
  const node = (...words) => graph.node(...words);
  const { ints, number } = graph;
  const [size, group] = [width / heads, heads / keyHeads];
  const q8 = form === "q8";
  const spread = 1 / Math.sqrt(width);
  // A byte of 127 stands for three deviations.
  const [scale, zero] = q8 ? [number("f32", (3 * spread) / 127), number("i8", 0)] : [];

  const rounded = new Map();
  const product = (x, key, rows, columns) => {
    const weight = (type) => graph.weight(`${key}.weight`, type, [rows, columns], spread);
    if (!q8) return node("MatMul", [x, weight("f32")]);
    if (!rounded.has(x)) rounded.set(x, node("DynamicQuantizeLinear", [x], {}, 3));
    const [bytes, step, middle] = rounded.get(x);
    const sums = node("MatMulInteger", [bytes, weight("i8"), middle, zero]);
    return node("Mul", [node("Cast", [sums], { to: dataTypes.f32 }), node("Mul", [step, scale])]);
  };
  const embedding = (ids) => {
    const rows = node("Gather", [
      graph.weight("model.embed_tokens.weight", q8 ? "i8" : "f32", [vocabulary, width], spread),
      ids,
    ]);
    return q8 ? node("DequantizeLinear", [rows, scale, zero]) : rows;
  };
  const norm = (x) => {
    const squares = node("ReduceMean", [node("Pow", [x, number("f32", 2)])], { axes: [-1], keepdims: 1 });
    const root = node("Sqrt", [node("Add", [squares, number("f32", 1e-5)])]);
    return node("Mul", [
      graph.constant("f32", Array(width).fill(1)),
      node("Mul", [x, node("Div", [number("f32", 1), root])]),
    ]);
  };
  const unsqueeze = (x, ...axes) => node("Unsqueeze", [x, ints(...axes)]);
  const slice = (x, from, to, axis) => node("Slice", [x, from, to, ints(axis)]);

  // Sizes of the run: tokens asked about, tokens in the cache, both.
  const sizeOf = (x, axis) => node("Gather", [node("Shape", [x]), number("i64", axis)]);
  const batch = sizeOf("input_ids", 0);
  const tokens = sizeOf("input_ids", 1);
  const past = sizeOf("past_key_values.0.key", 2);
  const all = node("Add", [past, tokens]);

  const range = (from, to) => node("Range", [from, to, number("i64", 1)]);
  const causal = node("LessOrEqual", [range(number("i64", 0), all), unsqueeze(range(past, all), 1)]);
  const real = unsqueeze(node("Cast", ["attention_mask"], { to: dataTypes.bool }), 1, 2);
  const mask = node("Where", [node("And", [real, causal]), number("f32", 0), number("f32", -3.4028234663852886e38)]);

  const rates = graph.constant(
    "f32",
    Array.from({ length: size / 2 }, (_, i) => 10000 ** ((-2 * i) / size)),
  );
  const angles = node("Mul", [unsqueeze(node("Cast", ["position_ids"], { to: dataTypes.f32 }), 2), rates]);
  const twice = node("Concat", [angles, angles], { axis: -1 });
  const [cosine, sine] = ["Cos", "Sin"].map((op) => unsqueeze(node(op, [twice]), 1));
  const rotated = (x) => {
    const [low, high] = [slice(x, ints(0), ints(size / 2), 3), slice(x, ints(size / 2), ints(size), 3)];
    const turned = node("Concat", [node("Neg", [high]), low], { axis: -1 });
    return node("Add", [node("Mul", [x, cosine]), node("Mul", [turned, sine])]);
  };

  const sizes = (...dims) =>
    node(
      "Concat",
      dims.map((d) => (typeof d === "number" ? ints(d) : unsqueeze(d, 0))),
      { axis: 0 },
    );
  const headsOf = (x, count) =>
    node("Transpose", [node("Reshape", [x, sizes(batch, tokens, count, size)])], { perm: [0, 2, 1, 3] });
  const repeated = (x) => {
    if (group === 1) return x;
    const wide = node("Expand", [unsqueeze(x, 2), sizes(batch, keyHeads, group, all, size)]);
    return node("Reshape", [wide, sizes(batch, heads, all, size)]);
  };
  const attention = (x, layer) => {
    const own = `model.layers.${layer}.self_attn`;
    const q = rotated(headsOf(product(x, `${own}.q_proj`, width, width), heads));
    const [key, content] = ["key", "value"].map((what) => {
      const projected = headsOf(product(x, `${own}.${what[0]}_proj`, width, keyHeads * size), keyHeads);
      const now = what === "key" ? rotated(projected) : projected;
      const kept = node("Concat", [`past_key_values.${layer}.${what}`, now], { axis: 2 });
      graph.output(`present.${layer}.${what}`, kept);
      return repeated(kept);
    });
    const scores = node("MatMul", [q, node("Transpose", [key], { perm: [0, 1, 3, 2] })]);
    const scaled = node("Div", [scores, number("f32", Math.sqrt(size))]);
    const shares = node("Softmax", [node("Add", [scaled, mask])], { axis: -1 });
    const mixed = node("Transpose", [node("MatMul", [shares, content])], { perm: [0, 2, 1, 3] });
    return product(node("Reshape", [mixed, sizes(batch, tokens, width)]), `${own}.o_proj`, width, width);
  };
  const mlp = (x, layer) => {
    const own = `model.layers.${layer}.mlp`;
    const gate = product(x, `${own}.gate_proj`, width, inner);
    const silu = node("Mul", [gate, node("Sigmoid", [gate])]);
    return product(node("Mul", [silu, product(x, `${own}.up_proj`, width, inner)]), `${own}.down_proj`, inner, width);
  };

  let x = embedding("input_ids");
  for (let i = 0; i < layers; i++) {
    x = node("Add", [x, attention(norm(x), i)]);
    x = node("Add", [x, mlp(norm(x), i)]);
  }
  const last = slice(norm(x), unsqueeze(node("Neg", ["num_logits_to_keep"]), 0), ints(2 ** 53), 1);
  graph.output("logits", product(last, "lm_head", width, vocabulary));

  const cache = (name, length) =>
    Array.from({ length: layers }, (_, i) =>
      ["key", "value"].map((what) => value(`${name}.${i}.${what}`, "f32", ["batch_size", keyHeads, length, size])),
    ).flat();
  return {
    inputs: [
      value("input_ids", "i64", ["batch_size", "sequence_length"]),
      value("attention_mask", "i64", ["batch_size", "total_sequence_length"]),
      value("position_ids", "i64", ["batch_size", "sequence_length"]),
      value("num_logits_to_keep", "i64", []),
      ...cache("past_key_values", "past_sequence_length"),
    ],
    outputs: [
      value("logits", "f32", ["batch_size", "num_logits_to_keep", vocabulary]),
      ...cache("present", "total_sequence_length"),
    ],
  };
}

/** Random numbers of one type, again and again where a weight is longer. */
function pattern(type, spread) {
  let state = 12345;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const data = new arrays[type](1 << 20);
  // Sums of three are near enough to normal.
  for (let i = 0; i < data.length; i++) {
    const normal = next() + next() + next();
    data[i] = type === "i8" ? Math.round(normal * 42) : normal * spread;
  }
  return Buffer.from(data.buffer);
}

/** Writes the model at `path` and its weights beside, at `path`_data. shape: {layers, width, heads, keyHeads, inner, vocabulary}; form: q8 or fp32.
 *  Returns where each weight lies, as {name, shape, offset} in the file beside; products hold theirs as [inputs, outputs]. */
export function writeOnnx(path, shape, form) {
  const file = `${basename(path)}_data`;
  const graph = new Graph(file);
  const { inputs, outputs } = languageModel(graph, shape, form);
  const content = { name: "main_graph", node: graph.nodes, initializer: graph.tensors, input: inputs, output: outputs };
  const model = encodeModel({ ir_version: 8, graph: content, opset_import: [{ version: 14 }] });
  const weights = openSync(`${path}_data`, "w");
  for (const { type, length, spread } of graph.stored) {
    const block = pattern(type, spread);
    let left = length;
    while (left > 0) left -= writeSync(weights, block, 0, Math.min(left, block.length));
  }
  closeSync(weights);
  writeFileSync(`${path}.part`, model);
  renameSync(`${path}.part`, path);
  return graph.stored;
}
