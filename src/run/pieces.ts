/** TinyGPT-V from the four places where its weights are published: EVA's tower, BLIP-2's Q-Former, Phi-2, and what a stage of its training changed. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { RequestError, WeightError } from "../errors.ts";
import { type TinyGptVFolder, tinyGptVFolder } from "../models/tinygpt-v.ts";
import { checkShards, openTensors, type Part, type Published, partOf, publishedOf } from "../weights/published.ts";
import type { TensorFile } from "../weights/tensor-file.ts";
import { configuration, knownConfig, readJson } from "./models.ts";
import { phiParts } from "./phi-layouts.ts";

/** The pieces, told apart by a key that each holds and those before it do not; what to call one that is missing; and the keys that no computation reads. */
const kinds = {
  stage: {
    about: "the checkpoint of a stage (TinyGPT-V_for_Stage4.pth)",
    mark: /^llama_proj\.weight$/,
    // The buffer of the Q-Former's text side.
    ignored: /^Qformer\.bert\.embeddings\.position_ids$/,
  },
  queries: {
    about: "the Q-Former (blip2_pretrained_flant5xxl.pth)",
    mark: /^query_tokens$/,
    // Projections to other language models, heads of its own training, the frozen tower, and the text side of the Q-Former.
    ignored:
      /^(t5_proj|opt_proj|llm_proj|vision_proj|text_proj|itm_head|visual_encoder|Qformer\.cls)\.|^temp$|^Qformer\.bert\.(embeddings\.(word_embeddings|position_embeddings|position_ids)|encoder\.layer\.\d+\.(intermediate|output)\.)/,
  },
  tower: {
    about: "the tower (eva_vit_g.pth)",
    mark: /^blocks\.0\.attn\.qkv\.weight$/,
    // What stands behind the last block; blocks beyond those that are built are left out too.
    ignored: /^(norm|fc_norm|head)\./,
  },
  language: {
    about: "Phi-2 (a folder phi-2)",
    mark: /^(model|transformer|lm_head)\./,
    ignored: /rotary_emb\.inv_freq$/,
  },
} as const;
type Kind = keyof typeof kinds;

/** A file of weights; `name` is its path below the source. */
interface Piece {
  readonly name: string;
  readonly file: TensorFile;
}

/** Weights as one folder's, under the names of the assembled model, with its configuration and the folder of its tokenizer. */
export interface Assembled {
  readonly config: TinyGptVFolder;
  readonly tokenizer: string;
  readonly published: Published;
}

/** Whether a folder holds pieces: .pth files in it or in its folders, and no configuration of another whole model. */
export function holdsPieces(folder: string): boolean {
  const path = join(folder, "config.json");
  const type = existsSync(path) ? (readJson(path) as { model_type?: unknown } | null)?.model_type : undefined;
  const own = type === undefined ? !existsSync(path) : ["tinygpt_v", "phi", "phi-msft"].includes(String(type));
  return own && weightFiles(folder).some((name) => name.endsWith(".pth"));
}

/** Opens and joins the pieces in a folder and its folders, known by the keys they hold. Sizes are those of its config.json, where that is a tinygpt_v's, else
 *  those of the published model. Throws RequestError (404) that names the pieces that are missing, WeightError for a file that is none of them, two of one
 *  kind, or keys that do not fit together. */
export async function assemble(folder: string): Promise<Assembled> {
  const opened: Piece[] = [];
  const close = (): void => {
    for (const { file } of opened) file.close();
  };
  try {
    for (const name of weightFiles(folder)) opened.push({ name, file: await openTensors(join(folder, name)) });
    const pieces = sorted(opened, folder);
    const config = configOf(folder, pieces.stage);
    const tokenizer = dirname(join(folder, pieces.language[0].name));
    return { config, tokenizer, published: publishedOf(folder, joined(pieces, config), close) };
  } catch (error) {
    close();
    throw error;
  }
}

/** Files of weights in a folder and its folders, by their paths below it. */
function weightFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).sort();
  const inside = names
    .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory())
    .flatMap((name) =>
      readdirSync(join(folder, name))
        .sort()
        .map((file) => join(name, file)),
    );
  return [...names, ...inside].filter((name) => /\.(safetensors|pth|pt|bin)$/.test(name));
}

interface Pieces extends Record<Exclude<Kind, "language">, Piece> {
  /** One or more shards. */
  readonly language: readonly [Piece, ...Piece[]];
}

function sorted(opened: readonly Piece[], folder: string): Pieces {
  const found: Record<Kind, Piece[]> = { stage: [], queries: [], tower: [], language: [] };
  for (const piece of opened) {
    const keys = [...piece.file.entries.keys()];
    const kind = (Object.keys(kinds) as Kind[]).find((kind) => keys.some((key) => kinds[kind].mark.test(key)));
    if (!kind)
      throw new WeightError(
        `${join(folder, piece.name)}: holds "${keys[0]}", and is no piece of TinyGPT-V; take it out of the folder`,
      );
    found[kind].push(piece);
  }
  // Where there are safetensors, torch files beside them hold the same.
  const shards = found.language.filter(({ name }) => name.endsWith(".safetensors"));
  const language = shards.length ? shards : found.language;
  const missing = (Object.keys(kinds) as Kind[]).filter((kind) => !found[kind].length);
  if (missing.length)
    throw new RequestError(
      `${folder}: TinyGPT-V is put together from four pieces; ${missing.map((kind) => kinds[kind].about).join(", ")} is not there: download it too`,
      404,
    );
  for (const kind of ["stage", "queries", "tower"] as const)
    if (found[kind].length > 1)
      throw new RequestError(
        `${folder}: ${found[kind].map(({ name }) => name).join(" and ")} are each ${kinds[kind].about}; keep the one to convert`,
      );
  checkShards(
    dirname(join(folder, language[0].name)),
    language.map(({ name }) => basename(name)),
  );
  return { stage: found.stage[0], queries: found.queries[0], tower: found.tower[0], language: language as [Piece] };
}

/** Scaling of the published adapters, which no checkpoint holds (lora_alpha of the authors' configurations). */
const publishedAlpha = 16;

/** What PEFT puts in front of the names of a language model with adapters. */
export const peft = "llama_model.base_model.model.";

/** The stage is told by the file's name, a config.json of the source, or the lack of adapters; images are 448 pixels wide in the last stage, 224 before. */
function configOf(folder: string, { name, file }: Piece): TinyGptVFolder {
  const path = join(folder, "config.json");
  const given = existsSync(path) ? (readJson(path) as { model_type?: unknown }) : undefined;
  const own = given?.model_type === "tinygpt_v";
  const base = own
    ? configuration(tinyGptVFolder, given, path)
    : configuration(tinyGptVFolder, readJson(knownConfig("tinygpt-v")), "tinygpt-v");
  const down = [...file.entries].find(([key]) => key.endsWith(".lora_A.weight"))?.[1];
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

/** All tensors under the names of the assembled model; later pieces overwrite earlier ones, as the authors load them. */
function joined({ tower, queries, language, stage }: Pieces, c: TinyGptVFolder): Map<string, Part> {
  const entries = new Map<string, Part>();
  const depth = "depth" in c.vit ? c.vit.depth : Number.POSITIVE_INFINITY;
  for (const [key, part] of read([tower], "tower"))
    if (!(blockOf(key) >= depth)) entries.set(`visual_encoder.${key}`, part);
  for (const [key, part] of read([queries], "queries")) entries.set(key, part);
  const front = c.lora ? peft : "llama_model.";
  for (const [key, part] of phiParts(files(language, "language"), c.llm)) entries.set(front + key, part);
  for (const [key, part] of read([stage], "stage")) if (!passedOver(key)) entries.set(key, part);
  return entries;
}

/** The number of a tower's block; NaN for keys outside them. */
const blockOf = (key: string): number => Number(/^blocks\.(\d+)\./.exec(key)?.[1] ?? Number.NaN);

/** Stage 1 is trained without adapters and saved without their prefix, but loaded into a model that has them: there its norms meet no name, and those of
 *  Phi-2 stay (`load_state_dict` with strict=False, in the authors' demo and in the second stage). */
const passedOver = (key: string): boolean => key.startsWith("llama_model.") && !key.startsWith(peft);

/** The keys of pieces of one kind that are read, with their files. Throws WeightError on one that two of them hold. */
function files(pieces: readonly Piece[], kind: Kind): Map<string, TensorFile> {
  const found = new Map<string, TensorFile>();
  for (const { name, file } of pieces)
    for (const key of file.entries.keys()) {
      if (kinds[kind].ignored.test(key)) continue;
      if (found.has(key)) throw new WeightError(`"${key}" is in two files: ${name} and another; keep one`);
      found.set(key, file);
    }
  return found;
}

function read(pieces: readonly Piece[], kind: Kind): [string, Part][] {
  return [...files(pieces, kind)].map(([key, file]) => [key, partOf(file, key)]);
}
