/** From a published folder, or the pieces of a model, to one that Galago opens: weights tensor by tensor, config.json, a tokenizer.json. */

import { mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { RequestError, WeightError } from "../errors.ts";
import type { Outputs } from "../graph/graph.ts";
import { sameShape } from "../graph/shape.ts";
import { total } from "../graph/value.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { parseTokenizer } from "../text/tokenizer.ts";
import { packedKey } from "../weights/packed.ts";
import { close, cure, weights } from "../weights/path.ts";
import type { Published } from "../weights/published.ts";
import { streamSafetensors } from "../weights/safetensors.ts";
import { writeWhole } from "../weights/whole.ts";
import type { Calibrated, LayerError } from "./calibrate.ts";
import type { ChatPart } from "./chat.ts";
import { languageGraph } from "./language.ts";
import { modelOf } from "./models.ts";
import { sightGraph } from "./sight.ts";
import { type Adapters, openSource } from "./source.ts";
import { formsOf, type Read, type StoredPrecision, storedAs } from "./storing.ts";
import { publishedTokenizer } from "./tokenizer-files.ts";

export interface ConvertOptions {
  readonly precision: StoredPrecision;
  /** Of TinyGPT-V. Default: merged. */
  readonly adapters?: Adapters | undefined;
  /** Images by which int8 and int4 are calibrated (calibrate.ts); default: none. */
  readonly calibrate?: readonly ChatPart[] | undefined;
  /** Threads that calibration computes with. Default: all cores. */
  readonly threads?: number | undefined;
  /** Ends the conversion between two pieces of a tensor. */
  readonly signal?: AbortSignal | undefined;
  /** Numbers stored so far, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** The share of the calibration that is done, from 0 to 1. */
  readonly onCalibrate?: ((share: number) => void) | undefined;
}

/** What was written. */
export interface Converted {
  readonly tensors: number;
  readonly parameters: number;
  /** Of each product, where it was calibrated. */
  readonly layers?: readonly LayerError[];
}

/** Converts a published folder. What a failed or stopped run leaves is no model: config.json comes last. The same source gives the same bytes.
 *  Throws RequestError, FormatError, and WeightError where keys or shapes are not the model's or a number is none or beyond the type. */
export async function convert(source: string, dest: string, options: ConvertOptions): Promise<Converted> {
  if (resolve(source) === resolve(dest)) throw new RequestError(`${dest}: is the source; choose another folder`);
  checkCalibration(options);
  const { config, tokenizer: words, published } = await openSource(source, options.adapters ?? "merge");
  try {
    checkFloats(published);
    const model = modelOf(JSON.parse(config), join(source, "config.json"));
    const tokenizer = publishedTokenizer(words, model.vocabulary);
    const { keys, ...graphs } = matched(published, model);
    const forms = formsOf(graphs, options.precision);
    const found = await calibration({ published, model, tokenizer, ...graphs }, forms, options);
    const count = (key: string): number => total(published.entries.get(key)!.shape);
    const parameters = keys.reduce((sum, key) => sum + count(key), 0);
    let done = 0;
    const onNumbers = (more: number): void => {
      options.signal?.throwIfAborted();
      options.onProgress?.((done += more), parameters);
    };
    const tensors = keys.flatMap((key) => storedAs(found.published, key, forms.get(key), options.precision, onNumbers));
    const made = mkdirSync(dest, { recursive: true });
    const others = readdirSync(dest).filter((file) => file.endsWith(".safetensors") && file !== "model.safetensors");
    if (others.length)
      throw new RequestError(`${dest} holds other weights, ${others[0]}; choose an empty folder or remove them`);
    rmSync(join(dest, "config.json"), { force: true });
    await streamSafetensors(join(dest, "model.safetensors"), tensors).catch((error: unknown) => {
      if (made && readdirSync(dest).length === 0) rmdirSync(dest);
      throw error;
    });
    writeWhole(join(dest, "tokenizer.json"), `${JSON.stringify(tokenizer)}\n`);
    writeWhole(join(dest, "config.json"), config);
    return { tensors: keys.length, parameters, ...(options.calibrate && { layers: found.layers }) };
  } finally {
    published.close();
  }
}

/** The weights as they are, or with scales in them that calibration found. */
async function calibration(
  { published, tokenizer, model, ...read }: { published: Published; tokenizer: object; model: Multimodal } & Read,
  forms: ReturnType<typeof formsOf>,
  { calibrate: images, threads, signal, onCalibrate }: ConvertOptions,
): Promise<Calibrated> {
  if (!images) return { published, layers: [] };
  const [{ calibrated }, { ortNode }] = await Promise.all([import("./calibrate.ts"), import("./ort-node.ts")]);
  const words = parseTokenizer(tokenizer, published.name);
  return calibrated(ortNode({ threads }), { published, model, tokenizer: words, ...read }, forms, images, {
    signal,
    onShare: onCalibrate,
  });
}

/** Throws RequestError for a calibration of nothing, or without images. */
function checkCalibration({ precision, calibrate: images }: ConvertOptions): void {
  if (images && (precision === "f16" || precision === "f32"))
    throw new RequestError(`calibration is for int8 and int4, which round weights; precision is ${precision}`);
  if (images?.length === 0) throw new RequestError("there are no images to calibrate with; give at least one");
}

/** Throws RequestError where weights are stored in few bits already. */
function checkFloats({ name, entries }: Published): void {
  const [found] = [...entries.keys()].flatMap((key) => packedKey(key)?.form ?? []);
  if (found)
    throw new RequestError(
      `${name}: its weights are stored in few bits already (${found}); convert the published ones`,
    );
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
  if (!stored) throw new WeightError(`${name}: no weight "${key}", which its config.json asks for; ${cure}`);
  if (!sameShape(stored.shape, shape))
    throw new WeightError(`${name}: "${key}" is [${stored.shape}], config.json asks for [${shape}]; ${cure}`);
  return stored;
}
