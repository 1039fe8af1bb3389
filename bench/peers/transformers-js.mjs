// transformers.js as a peer of `galago bench`: reads lines {what: "prefill" | "decode", tokens}, writes {value}, tokens a second.
//   node transformers-js.mjs CONFIG.json q8|fp32 THREADS
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, env, Tensor } from "@huggingface/transformers";
import { writeOnnx } from "./onnx.mjs";
import { answer, folder, shapeOf } from "./peer.mjs";

const [config, form, threads] = process.argv.slice(2);
const shape = shapeOf(config);
const { layers, width, heads, keyHeads, inner, vocabulary, longest } = shape;
const name = `${Object.values(shape).join("-")}-${form}`;
const path = join(folder, name, "onnx", form === "q8" ? "model_quantized.onnx" : "model.onnx");
// ONNX Runtime packs a copy of the products that it maps; the file itself can give way.
const numbers = layers * width * (2 * width + 2 * (width / heads) * keyHeads + 3 * inner) + 2 * vocabulary * width;
const [takes, has] = [1.2 * 4 * numbers, process.availableMemory()].map((bytes) => (bytes / 1e9).toFixed(1));
if (form === "fp32" && Number(takes) > Number(has))
  throw new Error(`fp32 takes about ${takes} GB of memory, ${has} are free; close other programs, or bench int8`);
mkdirSync(join(path, ".."), { recursive: true });
if (!existsSync(path)) writeOnnx(path, shape, form);
writeFileSync(
  join(folder, name, "config.json"),
  JSON.stringify({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    num_hidden_layers: layers,
    hidden_size: width,
    num_attention_heads: heads,
    num_key_value_heads: keyHeads,
    intermediate_size: inner,
    vocab_size: vocabulary,
    max_position_embeddings: longest,
    bos_token_id: 1,
    // None of the vocabulary: random weights must not end an answer.
    eos_token_id: vocabulary,
  }),
);

env.allowRemoteModels = false;
env.localModelPath = folder;
const model = await AutoModelForCausalLM.from_pretrained(name, {
  dtype: form,
  device: "cpu",
  use_external_data_format: true,
  session_options: { intraOpNumThreads: Number(threads) },
});

/** Words of the prompt and after it, and the cache of all but the last of them. */
let read;
let cache;
async function write(words, past, count) {
  const begun = performance.now();
  const { sequences, past_key_values } = await model.generate({
    input_ids: new Tensor("int64", words, [1, words.length]),
    attention_mask: new Tensor(
      "int64",
      words.map(() => 1n),
      [1, words.length],
    ),
    past_key_values: past,
    max_new_tokens: count,
    do_sample: false,
    return_dict_in_generate: true,
  });
  read = [...sequences.data];
  cache = past_key_values;
  return performance.now() - begun;
}

await answer({
  async prefill(tokens) {
    cache = undefined;
    const words = Array.from({ length: tokens }, (_, i) => BigInt(300 + ((i * 7) % 20)));
    return (1000 * tokens) / (await write(words, undefined, 1));
  },
  // After the prompt that was read before.
  async decode() {
    const steps = 8;
    return (1000 * steps) / (await write(read, cache, steps));
  },
});
await model.dispose();
