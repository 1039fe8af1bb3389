/** What a conversion reads: a published folder, or the pieces of TinyGPT-V or MiniGPT-4, with adapters kept or merged. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { WeightError } from "../errors.ts";
import { tinyGptVFolder } from "../models/tinygpt-v.ts";
import { adapted } from "../weights/derived.ts";
import { openPublished, type Part, type Published, publishedOf } from "../weights/published.ts";
import { type AssembledConfig, peft } from "./assemblies.ts";
import { configuration, readJson } from "./models.ts";
import { assemble, holdsPieces } from "./pieces.ts";

/** What becomes of low-rank adapters: added to the weights they adapt, or tensors of their own. */
export type Adapters = "merge" | "keep";

/** `config`: the text of config.json. `tokenizer`: the folder where its files lie. */
export interface Source {
  readonly config: string;
  readonly tokenizer: string;
  readonly published: Published;
}

/** Opens what `folder` holds. Throws RequestError, FormatError or WeightError. */
export async function openSource(folder: string, adapters: Adapters): Promise<Source> {
  if (holdsPieces(folder)) {
    const { config, ...rest } = await assemble(folder);
    return settled({ config: text(config), ...rest }, config, adapters);
  }
  const path = join(folder, "config.json");
  const json = readJson(path) as { model_type?: unknown } | null;
  const own = json?.model_type === "tinygpt_v" ? configuration(tinyGptVFolder, json, path) : undefined;
  const source = { config: readFileSync(path, "utf8"), tokenizer: folder, published: await openPublished(folder) };
  return own ? settled(source, own, adapters) : source;
}

const text = (config: object): string => `${JSON.stringify(config, null, 2)}\n`;

/** The source with its adapters as they are wanted; closed where that cannot be. */
function settled(source: Source, config: AssembledConfig, adapters: Adapters): Source {
  const { lora, ...rest } = { lora: undefined, ...config };
  if (!lora || adapters === "keep") return source;
  const { name, entries, close } = source.published;
  try {
    const parts = merged(entries, lora.lora_alpha / lora.r);
    return { ...source, config: text(rest), published: publishedOf(name, parts, close) };
  } catch (error) {
    close();
    throw error;
  }
}

/** Each adapted weight with its adapters added, under the names of a model without them. Throws WeightError for half an adapter, or one of nothing. */
function merged(entries: ReadonlyMap<string, Part>, scale: number): Map<string, Part> {
  const found = new Map<string, Part>();
  for (const [key, part] of entries) {
    const [, stem, half] = /^(.*)\.lora_([AB])\.weight$/.exec(key) ?? [];
    if (stem === undefined) {
      if (!found.has(bare(key))) found.set(bare(key), part);
      continue;
    }
    const [base, a, b] = ["weight", "lora_A.weight", "lora_B.weight"].map((end) => entries.get(`${stem}.${end}`));
    if (!base) throw new WeightError(`"${key}" adapts "${stem}.weight", which is in none of the files`);
    if (!a || !b) throw new WeightError(`"${key}" has no lora_${half === "A" ? "B" : "A"} beside it`);
    found.set(bare(`${stem}.weight`), adapted(base, a, b, scale, `${stem}.weight`));
  }
  return found;
}

const bare = (key: string): string => (key.startsWith(peft) ? `llama_model.${key.slice(peft.length)}` : key);
