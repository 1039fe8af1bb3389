/** From a published folder, or the pieces of a model, to one that Galago opens: weights tensor by tensor, config.json, a tokenizer.json. */

import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { RequestError, WeightError } from "../errors.ts";
import type { Outputs } from "../graph/graph.ts";
import { sameShape } from "../graph/shape.ts";
import { total } from "../graph/value.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { close, weights } from "../weights/path.ts";
import type { Published } from "../weights/published.ts";
import { streamSafetensors } from "../weights/safetensors.ts";
import { writeWhole } from "../weights/whole.ts";
import { languageGraph } from "./language.ts";
import { modelOf } from "./models.ts";
import { sightGraph } from "./sight.ts";
import { type Adapters, openSource } from "./source.ts";
import { formsOf, type StoredPrecision, storedAs } from "./storing.ts";
import { publishedTokenizer } from "./tokenizer-files.ts";

export interface ConvertOptions {
  readonly precision: StoredPrecision;
  /** Of TinyGPT-V. Default: merged. */
  readonly adapters?: Adapters | undefined;
  /** Ends the conversion between two pieces of a tensor. */
  readonly signal?: AbortSignal | undefined;
  /** Numbers stored so far, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What was written. */
export interface Converted {
  readonly tensors: number;
  readonly parameters: number;
}

/** Converts a published folder. What a failed or stopped run leaves is no model: config.json comes last. The same source gives the same bytes.
 *  Throws RequestError, FormatError, and WeightError where keys or shapes are not the model's or a number is none or beyond the type. */
export async function convert(source: string, dest: string, options: ConvertOptions): Promise<Converted> {
  if (resolve(source) === resolve(dest)) throw new RequestError(`${dest}: is the source; choose another folder`);
  const { config, tokenizer: words, published } = await openSource(source, options.adapters ?? "merge");
  try {
    const model = modelOf(JSON.parse(config), join(source, "config.json"));
    const tokenizer = publishedTokenizer(words, model.vocabulary);
    const { keys, ...graphs } = matched(published, model);
    const forms = formsOf(graphs, options.precision);
    const count = (key: string): number => total(published.entries.get(key)!.shape);
    const parameters = keys.reduce((sum, key) => sum + count(key), 0);
    let done = 0;
    const onNumbers = (more: number): void => {
      options.signal?.throwIfAborted();
      options.onProgress?.((done += more), parameters);
    };
    const tensors = keys.flatMap((key) => storedAs(published, key, forms.get(key), options.precision, onNumbers));
    mkdirSync(dest, { recursive: true });
    const others = readdirSync(dest).filter((file) => file.endsWith(".safetensors") && file !== "model.safetensors");
    if (others.length)
      throw new RequestError(`${dest} holds other weights, ${others[0]}; choose an empty folder or remove them`);
    rmSync(join(dest, "config.json"), { force: true });
    await streamSafetensors(join(dest, "model.safetensors"), tensors);
    writeWhole(join(dest, "tokenizer.json"), `${JSON.stringify(tokenizer)}\n`);
    writeWhole(join(dest, "config.json"), config);
    return { tensors: keys.length, parameters };
  } finally {
    published.close();
  }
}

/** The keys of the model in order, all of which are there with the shapes it expects, and the graphs that read them. */
function matched(published: Published, model: Multimodal): { keys: string[]; eyes: Outputs; words: Outputs } {
  const w = weights({
    ...published,
    keys: () => published.entries.keys(),
    find: (key, shape) => found(published, key, shape),
  });
  const eyes = sightGraph(w, model);
  const words = languageGraph(model.language(w));
  close(w, model.buffers);
  const keys = [...published.entries.keys()].filter((key) => !model.buffers.test(key)).sort();
  return { keys, eyes, words };
}

function found({ name, entries }: Published, key: string, shape: readonly number[]): { shape: readonly number[] } {
  const stored = entries.get(key);
  if (!stored) throw new WeightError(`${name}: no weight "${key}", which its config.json asks for`);
  if (!sameShape(stored.shape, shape))
    throw new WeightError(`${name}: "${key}" is [${stored.shape}], config.json asks for [${shape}]`);
  return stored;
}
