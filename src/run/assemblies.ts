/** The models that are put together from BLIP-2's eyes, a language model, and a checkpoint of what their authors trained: what each makes of the pieces. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { RequestError } from "../errors.ts";
import { sparseLlamaConfig } from "../models/llama.ts";
import { type MiniGpt4Config, miniGpt4Config } from "../models/minigpt4.ts";
import { type TinyGptVFolder, tinyGptVFolder } from "../models/tinygpt-v.ts";
import { type Part, partOf } from "../weights/published.ts";
import type { TensorFile } from "../weights/tensor-file.ts";
import { configuration, knownConfig, readJson } from "./models.ts";
import { phiParts } from "./phi-layouts.ts";

/** The configuration of an assembled model: sizes are those of a config.json beside the pieces where that is the model's, else those of the published one. */
export type AssembledConfig = TinyGptVFolder | MiniGpt4Config;

/** What of the pieces decides the configuration: their folder, the checkpoint with its name below that, and the folder of the language model. */
interface Given {
  readonly folder: string;
  readonly name: string;
  readonly checkpoint: TensorFile;
  readonly language: string;
}

/** A configured model. */
interface Configured {
  readonly config: AssembledConfig;
  /** Tensors of the language model's files under the names of the whole. Throws WeightError. */
  language(files: ReadonlyMap<string, TensorFile>): Map<string, Part>;
  /** Whether a key of the checkpoint is read. */
  reads(key: string): boolean;
}

/** A model, what its own pieces are called, and how it is configured. */
export interface Assembly {
  readonly title: string;
  readonly checkpoint: string;
  readonly language: string;
  /** Throws RequestError and FormatError. */
  configured(given: Given): Configured;
}

/** What PEFT puts in front of the names of a language model with adapters. */
export const peft = "llama_model.base_model.model.";

/** Scaling of the published adapters, which no checkpoint holds (lora_alpha of the authors' configurations). */
const publishedAlpha = 16;

const tinyGptV: Assembly = {
  title: "TinyGPT-V",
  checkpoint: "the checkpoint of a stage (TinyGPT-V_for_Stage4.pth)",
  language: "Phi-2 (a folder phi-2)",
  configured(given) {
    const config = stageConfig(given);
    return {
      config,
      language: (files) => under(config.lora ? peft : "llama_model.", phiParts(files, config.llm)),
      // Stage 1 is trained without adapters and saved without their prefix, but loaded into a model that has them: there its norms meet no name, and
      // those of Phi-2 stay (`load_state_dict` with strict=False, in the authors' demo and in the second stage).
      reads: (key) => !key.startsWith("llama_model.") || key.startsWith(peft),
    };
  },
};

const miniGpt4: Assembly = {
  title: "MiniGPT-4",
  checkpoint: "its projection (prerained_minigpt4_7b.pth)",
  language: "Vicuna (a folder vicuna-7b)",
  configured({ folder, language }) {
    const own = ownConfig(folder, "minigpt4");
    const published = (own ?? readJson(knownConfig("minigpt4-7b"))) as object;
    const path = join(language, "config.json");
    // Beside its own weights the language model says itself how large it is.
    const llm = own || !existsSync(path) ? undefined : configuration(sparseLlamaConfig, readJson(path), path);
    return {
      config: configuration(miniGpt4Config, { ...published, ...(llm && { llm }) }, join(folder, "config.json")),
      language: (files) => under("llama_model.", new Map([...files].map(([key, file]) => [key, partOf(file, key)]))),
      reads: () => true,
    };
  },
};

/** All of them, by `model_type`. */
export const assemblies: Readonly<Record<"tinygpt_v" | "minigpt4", Assembly>> = {
  tinygpt_v: tinyGptV,
  minigpt4: miniGpt4,
};

const under = (front: string, parts: ReadonlyMap<string, Part>): Map<string, Part> =>
  new Map([...parts].map(([key, part]) => [front + key, part]));

/** The config.json of a folder, where it is that of an assembled model. */
function ownConfig(folder: string, kind: string): object | undefined {
  const path = join(folder, "config.json");
  const json = existsSync(path) ? (readJson(path) as { model_type?: unknown } | null) : null;
  return json?.model_type === kind ? json : undefined;
}

/** The stage is told by the file's name, a config.json of the source, or the lack of adapters; images are 448 pixels wide in the last stage, 224 before. */
function stageConfig({ folder, name, checkpoint }: Given): TinyGptVFolder {
  const own = ownConfig(folder, "tinygpt_v");
  const base = own
    ? configuration(tinyGptVFolder, own, join(folder, "config.json"))
    : configuration(tinyGptVFolder, readJson(knownConfig("tinygpt-v")), "tinygpt-v");
  const down = [...checkpoint.entries].find(([key]) => key.endsWith(".lora_A.weight"))?.[1];
  const named = /stage[-_ ]?([1-4])(?!\d)/i.exec(basename(name))?.[1];
  const stage = named ? (Number(named) as 1 | 2 | 3 | 4) : own ? base.stage : down ? undefined : 1;
  if (!stage)
    throw new RequestError(
      `${join(folder, name)}: does not say of which stage it is; name it as the authors do, TinyGPT-V_for_Stage2.pth to Stage4.pth`,
    );
  const { lora, ...rest } = base;
  return {
    ...rest,
    stage,
    image_size: own ? base.image_size : stage === 4 ? 448 : 224,
    ...(down && { lora: { r: down.shape[0], lora_alpha: lora?.lora_alpha ?? publishedAlpha } }),
  };
}
