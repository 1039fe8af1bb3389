// llama.cpp as a peer of `galago bench`: reads lines {what: "prefill" | "decode", tokens}, writes {value}, tokens a second.
//   node llama-cpp.mjs CONFIG.json Q8_0|Q4_0 THREADS
import { existsSync } from "node:fs";
import { join } from "node:path";
import { getLlama } from "node-llama-cpp";
import { writeGguf } from "./gguf.mjs";
import { answer, folder, shapeOf } from "./peer.mjs";

const [config, form, threads] = process.argv.slice(2);
const shape = shapeOf(config);
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

await answer({
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
});
await llama.dispose();
