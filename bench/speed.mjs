// Training and inference speed of a model folder, beside what the machine can do: run `npm run build` first, then
//   node bench/speed.mjs [--model nano] [--steps 12] [--threads 2] [--out bench/results/NAME.json]
// Training: GFLOP/s of whole optimiser steps (forward, backward, clipping, AdamW) against the same matrix products alone, in the
// same process, interleaved. Inference: load, encode per tile, prefill and decode, medians.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { draw } from "../dist/data/draw.js";
import { flops } from "../dist/graph/cost.js";
import { order } from "../dist/graph/graph.js";
import { ops } from "../dist/graph/ops.js";
import { input } from "../dist/graph/tensor.js";
import { openModel } from "../dist/run/model.js";
import { modelFolder, modelShape } from "../dist/run/models.js";
import { ortNode } from "../dist/run/ort-node.js";
import { parseTrainConfig } from "../dist/train/config.js";
import { sampleAt, tokenizerOf } from "../dist/train/feed.js";
import { train, wantedOf } from "../dist/train/loop.js";
import { learningOf, objective } from "../dist/train/objective.js";
import { fresh } from "../dist/train/state.js";
import { update } from "../dist/train/step.js";
import { openEnded } from "../dist/weights/checkpoint.js";
import { weights } from "../dist/weights/path.js";

const { values: o } = parseArgs({
  options: {
    model: { type: "string", default: "nano" },
    config: { type: "string", default: "configs/nano.yaml" },
    steps: { type: "string", default: "12" },
    threads: { type: "string", default: "2" },
    out: { type: "string" },
  },
});
const threads = Number(o.threads);
const steps = Number(o.steps);
const engine = ortNode({ threads });

const sorted = (list) => [...list].sort((a, b) => a - b);
const median = (list) => sorted(list)[list.length >> 1];
const spread = (list) => [sorted(list)[Math.floor(list.length / 4)], sorted(list)[Math.floor((3 * list.length) / 4)]];
const round = (x, digits = 1) => Number(x.toFixed(digits));

/** Every matrix product of a graph in one other graph that does nothing else: each has inputs of its own name, which share buffers,
 *  and gives one number of each block of its result. */
async function productChain(outputs) {
  const feeds = {};
  const buffers = new Map();
  const given = (shape) => {
    const name = `x${Object.keys(feeds).length}`;
    const key = String(shape);
    if (!buffers.has(key)) buffers.set(key, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.01));
    feeds[name] = { dtype: "f32", shape, data: buffers.get(key) };
    return input(name, shape);
  };
  const results = {};
  for (const node of order(Object.values(outputs))) {
    if (!ops[node.op].flops) continue;
    const [first, second] = node.inputs.map((x) => x.shape);
    const flat = node.op === "project" ? [first.slice(0, -1).reduce((a, b) => a * b, 1), first.at(-1)] : first;
    const y = given(flat).apply(node.op, [given(second)], node.attrs);
    results[`y${Object.keys(results).length}`] = y.slice(-1, 0, 1).slice(-2, 0, 1);
  }
  const session = await engine.open(results);
  return {
    async run() {
      const began = performance.now();
      await session.run(feeds);
      return (performance.now() - began) / 1000;
    },
    close: () => session.close(),
  };
}

async function training() {
  const config = parseTrainConfig(parse(readFileSync(o.config, "utf8")), o.config);
  const tokenizer = tokenizerOf();
  const placeholder = tokenizer.id("<IMG_CONTEXT>");
  const rows = [];
  for (const [number, phase] of config.phases.entries()) {
    const shape = phase.shapes[0];
    const losses = objective(weights(openEnded()), config.model, shape, placeholder, phase);
    const graph = { loss: losses.loss, ...update(losses.loss, learningOf(losses.loss, phase), config.optimizer) };
    const work = flops(graph) / 1e9;
    const chain = await productChain(graph);
    const one = { ...config, phases: [{ ...phase, shapes: [shape], accumulate: 1, steps: steps + 2 }] };
    const samples = [];
    for (let i = 0; samples.length < 200 && i < 200; i++)
      samples.push(sampleAt({ ...one, phases: config.phases }, number, i, tokenizer));
    const supply = { take: async (_, index) => samples[index % samples.length] };
    const [ours, plain] = [[], []];
    for await (const { seconds } of train(one, fresh(wantedOf(config, placeholder), 1), engine, supply, placeholder)) {
      ours.push(work / seconds);
      plain.push(work / (await chain.run()));
    }
    await chain.close();
    const [a, b] = [ours.slice(2), plain.slice(2)];
    rows.push({
      phase: phase.name,
      gflop_a_step: round(work),
      step_gflops: round(median(a)),
      step_spread: spread(a).map((x) => round(x)),
      products_gflops: round(median(b)),
      products_spread: spread(b).map((x) => round(x)),
      ratio: round(median(a.map((x, i) => x / b[i])), 3),
    });
    console.error(rows.at(-1));
  }
  return rows;
}

async function inference() {
  const began = performance.now();
  const model = await openModel(modelFolder(o.model), { threads });
  const load_ms = performance.now() - began;
  const page = draw("receipt", 2_000_000_000, { fonts: "heldout", effects: 0.3 });
  const runs = [];
  for (let i = 0; i < steps; i++) {
    // Another image each time: one that was seen before would not be seen again.
    const image = { ...page.image, data: Uint8Array.from(page.image.data) };
    image.data[0] = i;
    const began = performance.now();
    const answering = model.answer(
      { images: [{ name: "receipt", image }], messages: [{ role: "user", content: "Read all the text." }] },
      { maxTokens: 64, temperature: 0 },
    );
    let first;
    let step = await answering.next();
    for (; !step.done; step = await answering.next()) first ??= performance.now() - began;
    runs.push({ first, ...step.value });
  }
  await model.close();
  const of = (f) => round(median(runs.slice(1).map(f)));
  const tiles = runs[0].usage.visual_tokens / modelShape(o.model).tokensPerTile;
  return {
    load_ms: round(load_ms),
    tiles,
    encode_ms_a_tile: of((r) => r.timing_ms.encode / tiles),
    prefill_tokens_a_second: of((r) => (1000 * r.usage.prompt_tokens) / r.timing_ms.prefill),
    decode_tokens_a_second: of((r) => (1000 * r.usage.completion_tokens) / r.timing_ms.decode),
    image_to_first_token_ms: of((r) => r.first ?? 0),
    peak_rss_mb: round(Math.max(...runs.map((r) => r.peak_rss_bytes)) / 1e6),
  };
}

const machine = {
  processor: cpus()[0].model,
  cores: cpus().length,
  memory_gb: round(totalmem() / 1e9),
  node: process.version,
  threads,
};
const result = {
  date: new Date().toISOString().slice(0, 10),
  command: `node bench/speed.mjs ${process.argv.slice(2).join(" ")}`.trim(),
  machine,
  inference: await inference(),
  training: await training(),
};
console.log(JSON.stringify(result, null, 2));
if (o.out) {
  mkdirSync(dirname(o.out), { recursive: true });
  writeFileSync(o.out, `${JSON.stringify(result, null, 2)}\n`);
}
