/** Models taken to the pieces that their weights are published in. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { openSafetensors, writeSafetensors } from "../../src/weights/safetensors.ts";
import { type TorchTensor, writeTorch } from "./torch-file.ts";
import { drawn } from "./values.ts";

export type Tensors = Map<string, TorchTensor>;

/** All tensors of a safetensors file. */
export function tensorsOf(path: string): Tensors {
  const file = openSafetensors(path);
  const found: Tensors = new Map();
  for (const [key, { shape }] of file.entries)
    found.set(key, { shape, data: Float32Array.from(file.read(key), Number) });
  file.close();
  return found;
}

export const random = (shape: readonly number[], seed: number): TorchTensor => ({
  shape,
  data: Float32Array.from(drawn(shape, seed).data),
});

/** BLIP-2's two files. */
interface Eyes {
  tower: Tensors;
  queries: Tensors;
}

/** The eyes of a model as they are published, with tensors that no computation reads: another block and a head, text sides. */
function eyesOf(whole: Tensors): Eyes {
  const eyes: Eyes = { tower: new Map(), queries: new Map() };
  for (const [key, tensor] of whole)
    if (key.startsWith("visual_encoder.")) eyes.tower.set(key.slice("visual_encoder.".length), tensor);
    else if (isQuery.test(key)) eyes.queries.set(key, tensor);
  const depth = Math.max(...[...eyes.tower.keys()].map((key) => Number(/^blocks\.(\d+)/.exec(key)?.[1] ?? 0))) + 1;
  for (const name of [`blocks.${depth}.norm1.weight`, "norm.weight", "head.bias"]) eyes.tower.set(name, random([2], 1));
  for (const name of [
    "t5_proj.weight",
    "Qformer.cls.predictions.bias",
    "Qformer.bert.embeddings.word_embeddings.weight",
    "Qformer.bert.encoder.layer.0.intermediate.dense.weight",
    "Qformer.bert.encoder.layer.0.output.LayerNorm.bias",
  ])
    eyes.queries.set(name, random([2], 2));
  return eyes;
}
const isQuery = /^(Qformer|query_tokens|ln_vision)/;

/** The buffer that every checkpoint keeps. */
const positionIds: [string, TorchTensor] = ["Qformer.bert.embeddings.position_ids", random([1, 16], 3)];

function writeEyes(folder: string, { tower, queries }: Eyes): void {
  writeTorch(join(folder, "eva_vit_g.pth"), tower, false);
  writeTorch(join(folder, "blip2_pretrained_flant5xxl.pth"), queries, true);
}

/** The pieces of TinyGPT-V. `phi` are the two shards. */
export interface Cut extends Eyes {
  phi: [Tensors, Tensors];
  stage: Tensors;
}

/** What PEFT puts in front of the names of a language model with adapters. */
export const peft = "llama_model.base_model.model.";
/** What a stage learns of the language model, and what it finds there otherwise. */
const learned = /(q_layernorm|k_layernorm|input_layernorm|post_layernorm|final_layernorm)\.weight$|\.lora_[AB]\./;
const phis = /(input_layernorm|final_layernorm)\.weight$/;

/** TinyGPT-V's tensors as they are published. `prefix`: of its language model. */
export function cut(whole: Tensors, prefix: string): Cut {
  const pieces: Cut = { ...eyesOf(whole), phi: [new Map(), new Map()], stage: new Map([positionIds]) };
  let count = 0;
  for (const [key, tensor] of whole) {
    if (key.startsWith("llama_proj")) pieces.stage.set(key, tensor);
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    if (learned.test(name)) pieces.stage.set(peft + name, tensor);
    // The stage's own norms come after Phi-2's, which are others.
    if (!learned.test(name)) pieces.phi[count++ % 2].set(name, tensor);
    else if (phis.test(name)) pieces.phi[count++ % 2].set(name, random(tensor.shape, count));
  }
  return pieces;
}

/** Adapters that change nothing: B is zero. The sizes are those of golden/tinygptv_e2e. */
export function withIdleAdapters(pieces: Cut): Cut {
  for (const name of ["query_key_value", "dense"])
    for (let i = 0; i < 3; i++) {
      const stem = `${peft}model.layers.${i}.self_attn.${name}`;
      const rows = name === "dense" ? 64 : 192;
      pieces.stage.set(`${stem}.lora_A.weight`, random([8, 64], i));
      pieces.stage.set(`${stem}.lora_B.weight`, { shape: [rows, 8], data: new Float32Array(rows * 8) });
    }
  return pieces;
}

type Config = Record<string, unknown>;
const idsOf = (config: Config): number => (config.llm as { vocab_size: number }).vocab_size;

/** Writes the pieces of TinyGPT-V into a folder as they are published, with the configuration that gives their sizes; returns the folder. */
export function writeTinyGptV(folder: string, pieces: Cut, config: Config, name = "TinyGPT-V_for_Stage4.pth"): string {
  writeEyes(folder, pieces);
  writeTorch(join(folder, name), pieces.stage, true);
  const at = join(folder, "phi-2");
  mkdirSync(at);
  const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  for (const [i, shard] of shards.entries())
    writeSafetensors(
      join(at, shard),
      [...pieces.phi[i]].map(([key, { shape, data }]) => [key, { dtype: "F32", shape, data }] as const),
    );
  writeIndex(join(at, "model.safetensors.index.json"), shards, pieces.phi);
  writeJson(join(at, "tokenizer.json"), fewTokens(idsOf(config)));
  writeJson(join(folder, "config.json"), config);
  return folder;
}

/** Writes the pieces of a whole MiniGPT-4 into a folder as they are published: Vicuna in two torch files with the buffers of its positions; returns the folder. */
export function writeMiniGpt4(folder: string, whole: Tensors, config: Config): string {
  writeEyes(folder, eyesOf(whole));
  const named = [...whole].filter(([key]) => key.startsWith("llama_proj"));
  writeTorch(join(folder, "prerained_minigpt4_7b.pth"), new Map([positionIds, ...named]), true);
  const at = join(folder, "vicuna-7b");
  mkdirSync(at);
  const words = [...whole].flatMap(([key, tensor]): [string, TorchTensor][] =>
    key.startsWith("llama_model.") ? [[key.slice("llama_model.".length), tensor]] : [],
  );
  words.push(["model.layers.0.self_attn.rotary_emb.inv_freq", random([4], 4)]);
  const parts = [0, 1].map((i) => new Map(words.filter((_, at) => at % 2 === i)));
  const shards = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
  for (const [i, shard] of shards.entries()) writeTorch(join(at, shard), parts[i], false);
  writeIndex(join(at, "pytorch_model.bin.index.json"), shards, parts);
  writeJson(join(at, "tokenizer.json"), fewTokens(idsOf(config)));
  writeJson(join(at, "config.json"), config.llm);
  writeJson(join(folder, "config.json"), config);
  return folder;
}

function writeIndex(path: string, shards: readonly string[], parts: readonly Tensors[]): void {
  const weight_map = Object.fromEntries(shards.flatMap((shard, i) => [...parts[i].keys()].map((key) => [key, shard])));
  writeJson(path, { metadata: {}, weight_map });
}

const writeJson = (path: string, json: unknown): void => writeFileSync(path, JSON.stringify(json));

/** The byte tokenizer with the first ids alone. */
function fewTokens(ids: number): object {
  const tokenizer = byteTokenizer() as { model: { vocab: Record<string, number> } };
  tokenizer.model.vocab = Object.fromEntries(Object.entries(tokenizer.model.vocab).filter(([, id]) => id < ids));
  return tokenizer;
}
