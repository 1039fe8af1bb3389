/** Models from the places where their weights are published: EVA's tower, BLIP-2's Q-Former, a language model, and what the authors trained of it all. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { RequestError, WeightError } from "../errors.ts";
import { checkShards, openTensors, type Part, type Published, partOf, publishedOf } from "../weights/published.ts";
import type { TensorFile } from "../weights/tensor-file.ts";
import { type AssembledConfig, type Assembly, assemblies } from "./assemblies.ts";
import { readJson } from "./models.ts";

/** The pieces, told apart by a key that each holds and those before it do not, and the keys that no computation reads. */
const kinds = {
  checkpoint: {
    mark: /^llama_proj\.weight$/,
    // The buffer of the Q-Former's text side.
    ignored: /^Qformer\.bert\.embeddings\.position_ids$/,
  },
  queries: {
    mark: /^query_tokens$/,
    // Projections to other language models, heads of its own training, the frozen tower, and the text side of the Q-Former.
    ignored:
      /^(t5_proj|opt_proj|llm_proj|vision_proj|text_proj|itm_head|visual_encoder|Qformer\.cls)\.|^temp$|^Qformer\.bert\.(embeddings\.(word_embeddings|position_embeddings|position_ids)|encoder\.layer\.\d+\.(intermediate|output)\.)/,
  },
  tower: {
    mark: /^blocks\.0\.attn\.qkv\.weight$/,
    // What stands behind the last block; blocks beyond those that are built are left out too.
    ignored: /^(norm|fc_norm|head)\./,
  },
  language: {
    mark: /^(model|transformer|lm_head)\./,
    ignored: /rotary_emb\.inv_freq$/,
  },
} as const;
type Kind = keyof typeof kinds;

/** What every model calls the pieces that it shares with the others. */
const shared = {
  queries: "the Q-Former (blip2_pretrained_flant5xxl.pth)",
  tower: "the tower (eva_vit_g.pth)",
};

/** A file of weights; `name` is its path below the source. */
interface Piece {
  readonly name: string;
  readonly file: TensorFile;
}

/** Weights as one folder's, under the names of the assembled model, with its configuration and the folder of its tokenizer. */
export interface Assembled {
  readonly config: AssembledConfig;
  readonly tokenizer: string;
  readonly published: Published;
}

/** What a config.json beside pieces may be of: an assembled model, or its language model. */
const types: readonly string[] = [...Object.keys(assemblies), "phi", "phi-msft", "llama"];

/** Whether a folder holds pieces: .pth files in it or in its folders, and no configuration of another whole model. */
export function holdsPieces(folder: string): boolean {
  const path = join(folder, "config.json");
  const type = existsSync(path) ? (readJson(path) as { model_type?: unknown } | null)?.model_type : undefined;
  const own = type === undefined ? !existsSync(path) : types.includes(String(type));
  return own && weightFiles(folder).some((name) => name.endsWith(".pth"));
}

/** Opens and joins the pieces in a folder and its folders, known by the keys they hold. Throws RequestError (404) that names the pieces that are missing,
 *  WeightError for a file that is none of them, two of one kind, or keys that do not fit together, FormatError for a configuration. */
export async function assemble(folder: string): Promise<Assembled> {
  const opened: Piece[] = [];
  const close = (): void => {
    for (const { file } of opened) file.close();
  };
  try {
    for (const name of weightFiles(folder)) opened.push({ name, file: await openTensors(join(folder, name)) });
    const found = sorted(opened, folder);
    const assembly = assemblyOf(found);
    const pieces = complete(found, folder, assembly);
    const language = dirname(join(folder, pieces.language[0].name));
    const { name, file: checkpoint } = pieces.checkpoint;
    const configured = assembly.configured({ folder, name, checkpoint, language });
    const published = publishedOf(folder, joined(pieces, configured), close);
    return { config: configured.config, tokenizer: language, published };
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

type Found = Readonly<Record<Kind, readonly Piece[]>>;

function sorted(opened: readonly Piece[], folder: string): Found {
  const found: Record<Kind, Piece[]> = { checkpoint: [], queries: [], tower: [], language: [] };
  for (const piece of opened) {
    const kind = (Object.keys(kinds) as Kind[]).find((kind) => holds(piece, kinds[kind].mark));
    if (!kind) {
      const titles = Object.values(assemblies).map(({ title }) => title);
      throw new WeightError(
        `${join(folder, piece.name)}: holds "${[...piece.file.entries.keys()][0]}", and is no piece of ${titles.join(" or ")}; take it out of the folder`,
      );
    }
    found[kind].push(piece);
  }
  // Where there are safetensors, torch files beside them hold the same.
  const shards = found.language.filter(({ name }) => name.endsWith(".safetensors"));
  return shards.length ? { ...found, language: shards } : found;
}

const holds = ({ file }: Piece, key: RegExp): boolean => [...file.entries.keys()].some((name) => key.test(name));

/** TinyGPT-V has a second projection, and a language model whose MLPs have no gates. */
function assemblyOf({ checkpoint, language }: Found): Assembly {
  const mini = checkpoint.length
    ? !checkpoint.some((piece) => holds(piece, /^llama_proj2\./))
    : language.some((piece) => holds(piece, /\.mlp\.gate_proj\./));
  return mini ? assemblies.minigpt4 : assemblies.tinygpt_v;
}

interface Pieces extends Record<Exclude<Kind, "language">, Piece> {
  /** One or more shards. */
  readonly language: readonly [Piece, ...Piece[]];
}

function complete(found: Found, folder: string, assembly: Assembly): Pieces {
  const about: Readonly<Record<Kind, string>> = { ...assembly, ...shared };
  const missing = (Object.keys(kinds) as Kind[]).filter((kind) => !found[kind].length);
  if (missing.length)
    throw new RequestError(
      `${folder}: ${assembly.title} is put together from four pieces; ${missing.map((kind) => about[kind]).join(", ")} is not there: download it too`,
      404,
    );
  const { language } = found;
  for (const kind of ["checkpoint", "queries", "tower"] as const)
    if (found[kind].length > 1)
      throw new RequestError(
        `${folder}: ${found[kind].map(({ name }) => name).join(" and ")} are each ${about[kind]}; keep the one to convert`,
      );
  checkShards(
    dirname(join(folder, language[0].name)),
    language.map(({ name }) => basename(name)),
  );
  const [[checkpoint], [queries], [tower]] = [found.checkpoint, found.queries, found.tower];
  return { checkpoint, queries, tower, language: language as [Piece] };
}

/** All tensors under the names of the assembled model; later pieces overwrite earlier ones, as the authors load them. */
function joined(
  { tower, queries, language, checkpoint }: Pieces,
  { config: { vit }, ...configured }: ReturnType<Assembly["configured"]>,
): Map<string, Part> {
  const entries = new Map<string, Part>();
  const depth = "depth" in vit ? vit.depth : Number.POSITIVE_INFINITY;
  for (const [key, part] of read([tower], "tower"))
    if (!(blockOf(key) >= depth)) entries.set(`visual_encoder.${key}`, part);
  for (const [key, part] of read([queries], "queries")) entries.set(key, part);
  for (const [key, part] of configured.language(files(language, "language"))) entries.set(key, part);
  for (const [key, part] of read([checkpoint], "checkpoint")) if (configured.reads(key)) entries.set(key, part);
  return entries;
}

/** The number of a tower's block; NaN for keys outside them. */
const blockOf = (key: string): number => Number(/^blocks\.(\d+)\./.exec(key)?.[1] ?? Number.NaN);

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
