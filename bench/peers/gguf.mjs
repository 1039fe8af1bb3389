// A GGUF file of random weights in the shape of a LLaMA-like language model: what llama.cpp is measured on.
// Format: github.com/ggml-org/ggml, docs/gguf.md.
import { closeSync, openSync, renameSync, writeSync } from "node:fs";

/** Bytes that 32 numbers take, and the number of the form in the file. A block begins with its scale in 16 bits. */
const forms = { F32: { id: 0, bytes: 128 }, Q4_0: { id: 2, bytes: 18 }, Q8_0: { id: 8, bytes: 34 } };
const alignment = 32;

/** Growing bytes, little endian. */
class Bytes {
  parts = [];
  u32 = (v) => this.raw(4, (b) => b.writeUInt32LE(v));
  i32 = (v) => this.raw(4, (b) => b.writeInt32LE(v));
  u64 = (v) => this.raw(8, (b) => b.writeBigUInt64LE(BigInt(v)));
  f32 = (v) => this.raw(4, (b) => b.writeFloatLE(v));
  text = (s) => this.u64(Buffer.byteLength(s)).push(Buffer.from(s));
  raw(n, write) {
    const bytes = Buffer.alloc(n);
    write(bytes);
    return this.push(bytes);
  }
  push(bytes) {
    this.parts.push(bytes);
    return this;
  }
}

/** Numbers of the types of values, and how each is written. */
const kinds = { u32: 4, i32: 5, f32: 6, text: 8, list: 9 };

function header(metadata, tensors) {
  const out = new Bytes();
  out.push(Buffer.from("GGUF")).u32(3).u64(tensors.length).u64(metadata.length);
  for (const [key, kind, value, inner] of metadata) {
    out.text(key).u32(kinds[kind]);
    if (kind !== "list") {
      out[kind](value);
      continue;
    }
    out.u32(kinds[inner]).u64(value.length);
    for (const v of value) out[inner](v);
  }
  let offset = 0;
  for (const { name, shape, form } of tensors) {
    out.text(name).u32(shape.length);
    for (const d of shape) out.u64(d);
    out.u32(forms[form].id).u64(offset);
    offset += sizeOf({ shape, form });
  }
  const bytes = Buffer.concat(out.parts);
  return Buffer.concat([bytes, Buffer.alloc((alignment - (bytes.length % alignment)) % alignment)]);
}

/** All sizes here are multiples of the alignment but in Q4_0 and Q8_0, which are padded. */
function sizeOf({ shape, form }) {
  const numbers = shape.reduce((a, b) => a * b, 1);
  const bytes = (numbers / 32) * forms[form].bytes;
  return Math.ceil(bytes / alignment) * alignment;
}

/** Blocks of random bytes whose scales stand for weights of about 1/√width; norms are 1. */
function pattern(form, width) {
  const blocks = 8192;
  const { bytes } = forms[form];
  const out = Buffer.alloc(blocks * bytes);
  if (form === "F32") {
    for (let i = 0; i < out.length; i += 4) out.writeFloatLE(1, i);
    return out;
  }
  let state = 12345;
  for (let i = 0; i < out.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = state >>> 24;
  }
  const scale = 1 / Math.sqrt(width) / (form === "Q8_0" ? 74 : 4.6);
  for (let i = 0; i < blocks; i++) out.writeUInt16LE(half(scale), i * bytes);
  return out;
}

/** A positive number below 1 as IEEE half precision, rounded down. */
function half(x) {
  const exponent = Math.floor(Math.log2(x));
  if (exponent < -14) return Math.floor(x * 2 ** 24);
  return ((exponent + 15) << 10) | Math.floor((x / 2 ** exponent - 1) * 1024);
}

/** Writes the file. shape: {layers, width, heads, keyHeads, inner, vocabulary, longest}. */
export function writeGguf(path, shape, form) {
  const { layers, width, heads, keyHeads, inner, vocabulary, longest } = shape;
  const keys = (width / heads) * keyHeads;
  const norm = (name) => ({ name, shape: [width], form: "F32" });
  const tensors = [
    { name: "token_embd.weight", shape: [width, vocabulary], form },
    ...Array.from({ length: layers }, (_, i) => [
      norm(`blk.${i}.attn_norm.weight`),
      { name: `blk.${i}.attn_q.weight`, shape: [width, width], form },
      { name: `blk.${i}.attn_k.weight`, shape: [width, keys], form },
      { name: `blk.${i}.attn_v.weight`, shape: [width, keys], form },
      { name: `blk.${i}.attn_output.weight`, shape: [width, width], form },
      norm(`blk.${i}.ffn_norm.weight`),
      { name: `blk.${i}.ffn_gate.weight`, shape: [width, inner], form },
      { name: `blk.${i}.ffn_up.weight`, shape: [width, inner], form },
      { name: `blk.${i}.ffn_down.weight`, shape: [inner, width], form },
    ]).flat(),
    norm("output_norm.weight"),
    { name: "output.weight", shape: [width, vocabulary], form },
  ];
  // Tokens of no meaning: three that every such vocabulary has, the 256 bytes, and numbered words.
  const words = Array.from({ length: vocabulary }, (_, i) =>
    i < 3
      ? ["<unk>", "<s>", "</s>"][i]
      : i < 259
        ? `<0x${(i - 3).toString(16).toUpperCase().padStart(2, "0")}>`
        : `w${i}`,
  );
  const metadata = [
    ["general.architecture", "text", "llama"],
    ["llama.context_length", "u32", longest],
    ["llama.embedding_length", "u32", width],
    ["llama.block_count", "u32", layers],
    ["llama.feed_forward_length", "u32", inner],
    ["llama.attention.head_count", "u32", heads],
    ["llama.attention.head_count_kv", "u32", keyHeads],
    ["llama.attention.layer_norm_rms_epsilon", "f32", 1e-5],
    ["llama.rope.dimension_count", "u32", width / heads],
    ["llama.vocab_size", "u32", vocabulary],
    ["tokenizer.ggml.model", "text", "llama"],
    ["tokenizer.ggml.tokens", "list", words, "text"],
    ["tokenizer.ggml.scores", "list", words.map((_, i) => -i), "f32"],
    ["tokenizer.ggml.token_type", "list", words.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1)), "i32"],
    ["tokenizer.ggml.bos_token_id", "u32", 1],
    ["tokenizer.ggml.eos_token_id", "u32", 2],
  ];
  const file = openSync(`${path}.part`, "w");
  writeSync(file, header(metadata, tensors));
  for (const tensor of tensors) {
    const block = pattern(tensor.form, tensor.shape[0]);
    let left = sizeOf(tensor);
    while (left > 0) left -= writeSync(file, block, 0, Math.min(left, block.length));
  }
  closeSync(file);
  renameSync(`${path}.part`, path);
}
