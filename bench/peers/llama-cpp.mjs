// llama.cpp as a peer of `galago bench`: reads lines {what: "prefill" | "decode", tokens}, writes {value}, tokens a second.
//   node llama-cpp.mjs CONFIG.json Q8_0|Q4_0 THREADS
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { getLlama } from "node-llama-cpp";
import { writeGguf } from "./gguf.mjs";

const [config, form, threads] = process.argv.slice(2);
const { llm_config, text_config, ...own } = JSON.parse(readFileSync(config, "utf8"));
const c = llm_config ?? text_config ?? own;
const shape = {
  layers: c.num_hidden_layers,
  width: c.hidden_size,
  heads: c.num_attention_heads,
  keyHeads: c.num_key_value_heads ?? c.num_attention_heads,
  inner: c.intermediate_size,
  vocabulary: Math.max(c.vocab_size, 320),
  longest: 4096,
};
const folder = join(tmpdir(), "galago-peers");
mkdirSync(folder, { recursive: true });
const path = join(folder, `${Object.values(shape).join("-")}-${form}.gguf`);
if (!existsSync(path)) writeGguf(path, shape, form);

const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath: path, useMmap: true });
const context = await model.createContext({
  contextSize: 4096,
  batchSize: 512,
  threads: Number(threads),
  flashAttention: false,
});
const sequence = context.getSequence();
const ids = (n) => Array.from({ length: n }, (_, i) => 300 + ((i * 7) % 20));

const measures = {
  async prefill(tokens) {
    await sequence.clearHistory();
    const begun = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(ids(tokens));
    return (1000 * tokens) / (performance.now() - begun);
  },
  // After the prompt that was read before.
  async decode() {
    let steps = 0;
    const begun = performance.now();
    for await (const _ of sequence.evaluate([301], { temperature: 0 })) if (++steps === 8) break;
    return (1000 * steps) / (performance.now() - begun);
  },
};
for await (const line of createInterface({ input: process.stdin })) {
  const { what, tokens } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ value: await measures[what](tokens) })}\n`);
}
await llama.dispose();
