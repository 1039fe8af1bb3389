/** `galago convert`: published weights to a model folder. */
import type { LayerError } from "../run/calibrate.ts";
import type { ChatPart } from "../run/chat.ts";
import type { Adapters } from "../run/source.ts";
import type { StoredPrecision } from "../run/storing.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, type Terminal, threadsOption } from "./command.ts";
import { columns, json, peakBytes, write } from "./output.ts";
import { imageOf, imagesIn, isFolder } from "./sources.ts";
import { usageError } from "./values.ts";

interface Options {
  readonly precision: StoredPrecision;
  readonly lora: Adapters;
  readonly calibrate?: string[];
  readonly threads?: number;
  readonly json?: boolean;
}

/** The command as data. */
export const convert: Command<Options> = {
  name: "convert",
  about: "turn a published model into a folder for --model",
  args: [
    {
      name: "<source>",
      about:
        "config.json, .safetensors or .bin files and a tokenizer; or pieces: eva_vit_g.pth, blip2_pretrained_flant5xxl.pth, and of TinyGPT-V a folder phi-2 and TinyGPT-V_for_Stage4.pth or another stage's, of MiniGPT-4 a folder vicuna-7b and prerained_minigpt4_7b.pth",
    },
    { name: "<dest>", about: "where to write; made if it is not there" },
  ],
  options: [
    {
      flags: "--precision <p>",
      about: "how weights are stored: int8, int4, f16 or f32",
      parse: precision,
      default: "f16",
    },
    { flags: "--lora <how>", about: "TinyGPT-V's adapters: merge or keep", parse: adapters, default: "merge" },
    {
      flags: "--calibrate <images...>",
      about:
        "images, or a folder of them, like those that will be asked about: for int8 and int4, evens out how loud the channels of what is multiplied are, where that makes rounding cost less, and tells what it costs each product",
    },
    { ...threadsOption, about: "threads to calibrate with (default: all cores)" },
    jsonOption,
  ],
  run,
};

async function run([source, dest]: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const { precision, lora, calibrate, threads } = options;
  if (calibrate && precision !== "int8" && precision !== "int4")
    throw usageError(`--calibrate is for --precision int8 and int4, which round weights; found ${precision}`);
  const images = calibrate && (await imagesFrom(calibrate, terminal));
  const { convert } = await import("../run/convert.ts");
  const bar = progressBar(terminal, "{bar} {percentage}%, {eta} s left");
  bar?.start(1, 0);
  const signal = terminal.interrupted();
  // Nearly all of the time is the calibration's.
  const before = images ? 0.9 : 0;
  const onCalibrate = (share: number): void => bar?.update(before * share);
  const onProgress = (done: number, total: number): void => bar?.update(before + ((1 - before) * done) / total);
  const own = { precision, adapters: lora, calibrate: images, threads, signal, onProgress, onCalibrate };
  const { tensors, parameters, layers } = await convert(source, dest, own).finally(() => bar?.stop());
  if (options.json) {
    const peak_rss_bytes = peakBytes();
    return json(terminal, { source, dest, precision, tensors, parameters, ...told(layers), peak_rss_bytes });
  }
  if (layers) await write(terminal.stdout, table(layers));
  return write(terminal.stdout, `${tensors} weights, ${(parameters / 1e6).toFixed(1)} million numbers, in ${dest}\n`);
}

async function imagesFrom(sources: readonly string[], terminal: Terminal): Promise<ChatPart[]> {
  const images: ChatPart[] = [];
  for (const source of sources)
    if (isFolder(source)) for await (const image of imagesIn(source, terminal)) images.push(image);
    else images.push(await imageOf(source, terminal));
  return images;
}

/** What calibration says, in JSON's names. */
const told = (layers: readonly LayerError[] | undefined) =>
  layers && {
    calibration: layers.map(({ layer, before, after, strength, why = null }) => {
      return { layer, error_before: before, error_after: after, strength, why };
    }),
  };

/** The same for people. */
function table(layers: readonly LayerError[]): string {
  const percent = (share: number): string => `${(100 * share).toFixed(3)}%`;
  const lines = layers.map(({ layer, before, after, strength, why }) => {
    return [layer, percent(before), percent(after), why ?? String(strength)];
  });
  return columns([["product", "error before", "after", "strength"], ...lines]);
}

function adapters(word: string): Adapters {
  if (word === "merge" || word === "keep") return word;
  throw usageError(`"${word}" is nothing to do with adapters, expected merge or keep`);
}

/** A reader of the ways to store weights. */
export function precision(word: string): StoredPrecision {
  const known: readonly StoredPrecision[] = ["int8", "int4", "f16", "f32"];
  const found = known.find((precision) => precision === word);
  if (found) return found;
  throw usageError(`"${word}" is no way to store weights, expected ${known.join(", ")}`);
}
