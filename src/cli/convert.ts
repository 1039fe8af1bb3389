/** `galago convert`: published weights to a model folder. */
import type { Adapters } from "../run/source.ts";
import type { StoredPrecision } from "../run/storing.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, type Terminal } from "./command.ts";
import { json, peakBytes, write } from "./output.ts";
import { usageError } from "./values.ts";

interface Options {
  readonly precision: StoredPrecision;
  readonly lora: Adapters;
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
    jsonOption,
  ],
  run,
};

async function run([source, dest]: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const { convert } = await import("../run/convert.ts");
  const bar = progressBar(terminal, "{bar} {percentage}%, {eta} s left");
  bar?.start(1, 0);
  const onProgress = (done: number, total: number): void => bar?.update(done / total);
  const { precision, lora } = options;
  const own = { precision, adapters: lora, signal: terminal.interrupted(), onProgress };
  const { tensors, parameters } = await convert(source, dest, own).finally(() => bar?.stop());
  if (options.json)
    return json(terminal, { source, dest, precision, tensors, parameters, peak_rss_bytes: peakBytes() });
  return write(terminal.stdout, `${tensors} weights, ${(parameters / 1e6).toFixed(1)} million numbers, in ${dest}\n`);
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
