/** `galago bench`: how fast a model is here, beside what the machine can do and beside other programs. */
import { cpus, totalmem } from "node:os";
import type { Figure, Stage } from "../eval/speed.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, modelOption, type Terminal } from "./command.ts";
import { columns, json, peakBytes, save, write } from "./output.ts";
import { whole } from "./values.ts";

interface Options {
  readonly model: string;
  readonly precision?: string;
  readonly tokens: number[];
  readonly rounds: number;
  readonly threads: number;
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
    { flags: "--peers", about: "in turns with llama.cpp at this model's shape; npm ci --prefix bench/peers first" },
    { flags: "--picture <file>", about: "write the figures as a PNG" },
    jsonOption,
  ],
  run,
};

function lengths(words: string): number[] {
  return words.split(",").map(whole(1));
}

async function run(_: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const { precision, threads, rounds } = options;
  const [speed, { openModel }, { modelFolder }, { openPeers }, { barChart }] = await Promise.all([
    import("../eval/speed.ts"),
    import("../run/model.ts"),
    import("../run/models.ts"),
    import("./peers.ts"),
    import("./chart.ts"),
  ]);
  const folder = modelFolder(options.model);
  const peers = options.peers ? await openPeers(folder, threads, options.tokens) : undefined;
  const bar = progressBar(terminal, "measuring {bar} {value}/{total}");
  try {
    const open = () => openModel(folder, { name: options.model, precision, threads });
    bar?.start(rounds, 0);
    const whole = await speed.wholeFigures(open, rounds, () => bar?.increment());
    const figures = [...whole, ...(await stagesOf(folder, options, peers?.stages ?? [], bar))];
    const report = { model: options.model, precision, threads, rounds, machine: machine(), figures };
    if (options.picture) await save(options.picture, barChart(figures));
    bar?.stop();
    if (options.json) return json(terminal, { ...report, peak_rss_bytes: peakBytes() });
    return write(terminal.stdout, table(figures));
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

function machine() {
  const [{ model }] = cpus();
  return { processor: model, cores: cpus().length, memory_bytes: totalmem(), node: process.version };
}

function table(figures: readonly Figure[]): string {
  const number = (x: number): string => (x >= 100 ? String(Math.round(x)) : x.toPrecision(3));
  return columns([
    ["figure", "median", "quartiles", "", "share"],
    ...figures.map(({ name, unit, median, spread, share }) => [
      name,
      number(median),
      spread.map(number).join(" to "),
      unit,
      share ? `${Math.round(100 * share.value)}% of ${share.of}` : "",
    ]),
  ]);
}
