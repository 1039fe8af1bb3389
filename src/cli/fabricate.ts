/** `galago fabricate`: weights of a published model's size, made here. */
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, type Terminal } from "./command.ts";
import { json, peakBytes, write } from "./output.ts";
import { whole } from "./values.ts";

interface Options {
  readonly out: string;
  readonly seed: number;
  readonly json?: boolean;
}

/** The command as data. */
export const fabricate: Command<Options> = {
  name: "fabricate",
  about: "make random weights under a published model's names and at its size, to try memory and speed with",
  args: [{ name: "<model>", about: "a published model's name, such as mini-monkey" }],
  options: [
    { flags: "--out <dir>", about: "where to write; made if it is not there", required: true },
    { flags: "--seed <n>", about: "the same seed gives the same bytes", parse: whole(0), default: 1 },
    jsonOption,
  ],
  run,
};

async function run([name]: readonly string[], { out, seed, json: asJson }: Options, terminal: Terminal): Promise<void> {
  const [{ fabricate }, { knownConfig }] = await Promise.all([
    import("../run/fabricate.ts"),
    import("../run/models.ts"),
  ]);
  const bar = progressBar(terminal, "{bar} {percentage}%, {eta} s left");
  bar?.start(1, 0);
  const onProgress = (done: number, total: number): void => bar?.update(done / total);
  try {
    const made = await fabricate(knownConfig(name), out, { seed, signal: terminal.interrupted(), onProgress });
    if (asJson) return await json(terminal, { model: name, out, seed, ...made, peak_rss_bytes: peakBytes() });
    const { tensors, parameters, bytes } = made;
    const text = `${tensors} weights, ${(parameters / 1e6).toFixed(1)} million numbers, ${(bytes / 1e9).toFixed(2)} GB, in ${out}\n`;
    return await write(terminal.stdout, text);
  } finally {
    bar?.stop();
  }
}
