/** `galago bench`: how fast a model is here, beside what the machine can do and beside other programs. */
import { cpus, totalmem } from "node:os";
import { RequestError } from "../errors.ts";
import type { Figure, Stage } from "../eval/speed.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, modelOption, type Terminal } from "./command.ts";
import { columns, json, notice, peakBytes, save, write } from "./output.ts";
import { whole } from "./values.ts";

interface Options {
  readonly model: string;
  readonly precision?: string;
  readonly tokens: number[];
  readonly rounds: number;
  readonly threads: number;
  readonly floats?: string;
  readonly peers?: boolean;
  readonly picture?: string;
  readonly json?: boolean;
}

/** The command as data. */
export const bench: Command<Options> = {
  name: "bench",
  about:
    "measure loading, a page of 1240 x 1754 pixels, tiles, prompts and answers, as shares of what this machine can do",
  args: [],
  options: [
    modelOption,
    { flags: "--precision <name>", about: "f32, int8 or int4", default: "f32" },
    { flags: "--tokens <n,n>", about: "lengths of prompts", parse: lengths, default: [512, 3000] },
    { flags: "--rounds <n>", about: "times that everything is measured, in turns", parse: whole(1), default: 5 },
    { flags: "--threads <n>", about: "threads of one operator", parse: whole(1), default: cpus().length },
    {
      flags: "--floats <dir>",
      about: "the same model in floats, to tell how close int8 or int4 comes; by default the model itself, where it is",
    },
    {
      flags: "--peers",
      about:
        "in turns with llama.cpp and transformers.js at this model's shape; npm ci --prefix bench/peers --ignore-scripts first",
    },
    { flags: "--picture <file>", about: "write the figures as a PNG" },
    jsonOption,
  ],
  run,
};

function lengths(words: string): number[] {
  return words.split(",").map(whole(1));
}

async function run(_: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const { precision = "f32", threads, rounds, tokens: lengths } = options;
  const [{ floatsFor }, speed, { openModel }, { modelFolder }, { openPeers }, { barChart }] = await Promise.all([
    import("../eval/closeness.ts"),
    import("../eval/speed.ts"),
    import("../run/model.ts"),
    import("../run/models.ts"),
    import("./peers.ts"),
    import("./chart.ts"),
  ]);
  const folder = modelFolder(options.model);
  const floats = floatsFor(folder, precision, options.floats && modelFolder(options.floats));
  const peers = options.peers ? await openPeers(folder, { precision, threads, lengths }) : undefined;
  const bar = progressBar(terminal, "measuring {bar} {value}/{total}");
  try {
    const open = () => openModel(folder, { name: options.model, precision, threads });
    bar?.start(rounds, 0);
    const whole = await speed.wholeFigures(open, rounds, () => bar?.increment());
    const timed = [...whole, ...(await stagesOf(folder, options, peers?.stages ?? [], bar))];
    bar?.stop();
    // Floats are no part of the memory that the model takes.
    const peak_rss_bytes = peakBytes();
    const figures = [...timed, ...(await closenessTo(floats, folder, options, terminal))];
    const report = { model: options.model, precision, threads, rounds, machine: machine(), figures, peak_rss_bytes };
    if (options.picture) await save(options.picture, barChart(timed));
    return options.json ? json(terminal, report) : write(terminal.stdout, table(figures));
  } finally {
    bar?.stop();
    await peers?.close();
  }
}

/** Everything that is measured in turns: the machine's limits, the model's graphs, the peers. */
async function stagesOf(
  folder: string,
  { precision, threads, tokens, rounds }: Options,
  others: readonly Stage[],
  bar?: ReturnType<typeof progressBar>,
): Promise<Figure[]> {
  const [{ limitStages, modelStages, measure }, { graphsOf }, { readModel }, { ortNode }, { openCheckpoint }] =
    await Promise.all([
      import("../eval/speed.ts"),
      import("../run/graphs.ts"),
      import("../run/models.ts"),
      import("../run/ort-node.ts"),
      import("../weights/checkpoint.ts"),
    ]);
  const checkpoint = openCheckpoint(folder);
  const parts: { close(): Promise<void> | void }[] = [checkpoint];
  try {
    const model = readModel(folder);
    const limits = await limitStages(ortNode({ threads }));
    parts.push(limits);
    const graphs = graphsOf(checkpoint, model, precision ?? "f32");
    const own = await modelStages(ortNode({ folder, threads }), graphs, model, tokens);
    parts.push(own);
    const stages = [...limits.stages, ...own.stages, ...others];
    bar?.start(rounds * stages.length, 0);
    return await measure(stages, rounds, () => bar?.increment());
  } finally {
    for (const part of parts.reverse()) await part.close();
  }
}

/** How close logits in few bits are to those of the floats; nothing where there are none, or no room for them is free, which is said. */
async function closenessTo(
  floats: string | undefined,
  folder: string,
  { precision = "f32", threads }: Options,
  terminal: Terminal,
): Promise<Figure[]> {
  if (floats === undefined) return [];
  const { closeness } = await import("../eval/closeness.ts");
  try {
    return [await closeness({ folder, precision, threads }, floats)];
  } catch (error) {
    if (!(error instanceof RequestError) || error.status !== 507) throw error;
    await notice(terminal, `logits are not compared with f32: ${error.message}`);
    return [];
  }
}

function machine() {
  const [{ model }] = cpus();
  return { processor: model, cores: cpus().length, memory_bytes: totalmem(), node: process.version };
}

function table(figures: readonly Figure[]): string {
  const number = (x: number, unit: string): string => (x >= 100 ? String(Math.round(x)) : x.toPrecision(unit ? 3 : 5));
  return columns([
    ["figure", "median", "quartiles", "", "share"],
    ...figures.map(({ name, unit, median, spread, share }) => [
      name,
      number(median, unit),
      spread.map((x) => number(x, unit)).join(" to "),
      unit,
      share ? `${Math.round(100 * share.value)}% of ${share.of}` : "",
    ]),
  ]);
}
