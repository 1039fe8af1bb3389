/** `galago eval`: scores a model on held-out drawn documents, through several ways of seeing them, or on held-out scenes. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { firstHeldOutSeed } from "../data/seeds.ts";
import type { Judged } from "../eval/confidence.ts";
import type { SceneRow } from "../eval/scenes.ts";
import type { Row } from "../eval/synth.ts";
import { methodNames, parseCompression } from "../run/methods.ts";
import type { Model } from "../run/model.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, modelOption, type Terminal } from "./command.ts";
import { columns, json, save, write } from "./output.ts";
import { scm, tiles, usageError, whole } from "./values.ts";

interface Options {
  readonly model: string;
  readonly count: number;
  readonly tiles?: string;
  readonly scm?: number | "off";
  /** True where no method is named. */
  readonly compress?: readonly string[] | true;
  readonly skipBlank?: boolean;
  readonly task?: string;
  readonly fitConfidence?: boolean;
  readonly reliability?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

/** A way of seeing: its name in the table, and what the model is told. */
interface Way {
  name: string;
  tiles?: string;
  scm?: number | "off";
  compress?: string;
}

const ways: readonly Way[] = [
  { name: "own tiles", scm: "off" },
  { name: "own tiles, SCM 0.5", scm: 0.5 },
  { name: "MSAC", tiles: "msac:detailed=4..8,adaptive=3..5", scm: "off" },
  { name: "single tile", tiles: "single", scm: "off" },
];

/** The parts of the tokens at which methods of compression are compared. */
const ratios = [0.75, 0.5, 0.25];

/** Pages to learn confidence from: neither those of training nor those of judging. */
const firstFittingSeed = firstHeldOutSeed + 500_000_000;

/** The least confidence at which a model gives a short answer: of those below, four in five are wrong. */
const least = 0.2;

/** The command as data. */
export const evaluate: Command<Options> = {
  name: "eval",
  about:
    "score a model on drawings that no training saw: synth, documents in unseen fonts through its own tiles, with SCM at 0.5, MSAC and a single tile; scenes, simple ones with captions, questions and boxes",
  args: [{ name: "<suite>", about: "synth or scenes" }],
  options: [
    modelOption,
    { flags: "--count <n>", about: "pages of each task, or scenes", parse: whole(1), default: 50 },
    { flags: "--task <name>", about: "only this task, such as 'clean line'" },
    { flags: "--tiles <spec>", about: "see pages only through these tiles", parse: tiles },
    { flags: "--scm <ratio>", about: "with this share of detailed tokens, or off", parse: scm },
    { flags: "--skip-blank", about: "leave out tiles that hold nothing but background" },
    {
      flags: "--compress [methods...]",
      about: `compare methods that keep ${ratios.join(", ")} of the tokens: ${methodNames.join(", ")} (all where none is named), or one as random:0.1`,
    },
    {
      flags: "--fit-confidence",
      about:
        "learn from pages in the fonts of training how far answers are to be trusted, into the model's config.json",
    },
    { flags: "--reliability <file>", about: "write a PNG of how often answers of each confidence are right" },
    { flags: "--threads <n>", about: "threads of one operator", parse: whole(1) },
    jsonOption,
  ],
  run,
};

async function run([suite]: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  if (suite === "scenes") return scenes(options, terminal);
  if (suite !== "synth") throw usageError(`no suite "${suite}"; there are synth and scenes`);
  const [{ taskNames }, { openModel }, { modelFolder }] = await Promise.all([
    import("../eval/synth.ts"),
    import("../run/model.ts"),
    import("../run/models.ts"),
  ]);
  const { model: name, count, task, reliability, fitConfidence: fitting } = options;
  if (task && !taskNames.includes(task)) throw usageError(`no task "${task}"; there are ${taskNames.join(", ")}`);
  const seen = waysOf(options).slice(0, fitting ? 1 : undefined);
  const folder = modelFolder(name);
  const model = await openModel(folder, { threads: options.threads });
  const judged: Judged[] = [];
  const report = await scored(model, seen, options, judged, terminal).finally(() => model.close());
  if (fitting) return fit(folder, judged, options, terminal);
  if (reliability) await picture(reliability, judged, folder);
  return options.json
    ? json(terminal, { model: name, count, ways: report })
    : write(terminal.stdout, options.compress ? comparison(report) : table(report));
}

/** What only documents have. */
const ofSynth = ["tiles", "scm", "compress", "skipBlank", "fitConfidence", "reliability"] as const;

async function scenes(options: Options, terminal: Terminal): Promise<void> {
  const given = ofSynth.find((name) => options[name] !== undefined);
  if (given)
    throw usageError(`--${given.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} is for synth; scenes are one tile`);
  const [{ evalScenes, sceneRows }, { openModel }, { modelFolder }] = await Promise.all([
    import("../eval/scenes.ts"),
    import("../run/model.ts"),
    import("../run/models.ts"),
  ]);
  const { model: name, count, task } = options;
  if (task && !sceneRows.includes(task)) throw usageError(`no task "${task}"; there are ${sceneRows.join(", ")}`);
  const model = await openModel(modelFolder(name), { threads: options.threads });
  const bar = progressBar(terminal, "{task} {bar} {value}/{total}");
  const onScene = (task: string, done: number): void => {
    if (done === 1) bar?.stop();
    if (done === 1) bar?.start(count, 0, { task });
    bar?.update(done, { task });
  };
  const rows = await evalScenes(model, { count, tasks: task ? [task] : undefined, onScene }).finally(() => {
    bar?.stop();
    return model.close();
  });
  if (options.json) return json(terminal, { model: name, count, rows });
  const lines = rows.map((row) => [
    row.task,
    sceneScores[row.score],
    `${row.questions}`,
    percent(row.value),
    `${Math.round(row.ms)} ms`,
  ]);
  return write(terminal.stdout, columns([["task", "score", "asked", "", "time a question"], ...lines]));
}

/** Every task through every way of seeing; what was judged of the first way goes into `judged`. */
async function scored(
  model: Model,
  seen: readonly Way[],
  options: Options,
  judged: Judged[],
  terminal: Terminal,
): Promise<{ way: string; rows: Row[] }[]> {
  const { evalSynth } = await import("../eval/synth.ts");
  const { count, task, skipBlank, fitConfidence: fitting } = options;
  const bar = progressBar(terminal, "{way} · {task} {bar} {value}/{total}");
  const report: { way: string; rows: Row[] }[] = [];
  try {
    for (const [i, { name, ...sight }] of seen.entries()) {
      const onPage = (task: string, done: number): void => {
        if (done === 1) bar?.stop();
        if (done === 1) bar?.start(count, 0, { way: name, task });
        bar?.update(done, { way: name, task });
      };
      const rows = await evalSynth(model, {
        count,
        sight: { ...sight, skipBlank },
        tasks: task ? [task] : undefined,
        ...(fitting && { fonts: "train" as const, firstSeed: firstFittingSeed }),
        onJudged: (one) => i || judged.push(one),
        onPage,
      });
      report.push({ way: name, rows });
    }
  } finally {
    bar?.stop();
  }
  return report;
}

/** Writes into config.json how far the answers that were judged are to be trusted. */
async function fit(folder: string, judged: readonly Judged[], options: Options, terminal: Terminal): Promise<void> {
  const { fitConfidence } = await import("../eval/confidence.ts");
  if (!judged.length) throw usageError(`"${options.task}" has no answers that are right or wrong; leave --task out`);
  const round = (x: number): number => Number(x.toPrecision(4));
  const { scale, bias } = fitConfidence(judged);
  const confidence = { scale: round(scale), bias: round(bias), least };
  const path = join(folder, "config.json");
  const config = JSON.parse(await readFile(path, "utf8"));
  await save(path, `${JSON.stringify({ ...config, confidence }, null, 2)}\n`);
  const answers = judged.length;
  if (options.json) return json(terminal, { model: options.model, answers, confidence });
  return write(terminal.stdout, `${path}: confidence ${JSON.stringify(confidence)}, from ${answers} answers\n`);
}

async function picture(path: string, judged: readonly Judged[], folder: string): Promise<void> {
  const [{ readModel }, { confidenceIn }, { reliabilityPlot }] = await Promise.all([
    import("../run/models.ts"),
    import("../run/confidence.ts"),
    import("./reliability.ts"),
  ]);
  const { confidence } = readModel(folder);
  if (!confidence) throw usageError("the model does not tell how far it trusts an answer; run --fit-confidence first");
  const answers = judged.map(({ logP, right }) => ({ probability: confidenceIn(confidence, logP), right }));
  await save(path, reliabilityPlot(answers));
}

function waysOf({ tiles, scm, compress }: Options): readonly Way[] {
  if (compress) {
    if (scm !== undefined) throw usageError("--scm and --compress are both given; expected one of the two");
    const methods = compress === true ? methodNames : compress;
    const specs = methods.flatMap((method) =>
      method.includes(":") ? [method] : ratios.map((ratio) => `${method}:${ratio}`),
    );
    for (const spec of specs) parseCompression(spec);
    return ["off", ...specs].map((spec) => ({ name: spec, tiles, compress: spec }));
  }
  if (tiles === undefined && scm === undefined) return ways;
  return [{ name: `${tiles ?? "own tiles"}, SCM ${scm ?? "its own"}`, tiles, scm }];
}

type Report = readonly { way: string; rows: readonly Row[] }[];

const shown: Readonly<Record<Row["score"], string>> = { exact: "exact match", cer: "character errors" };
const sceneScores: Readonly<Record<SceneRow["score"], string>> = {
  exact: "exact match",
  phrases: "phrases right",
  boxes: "boxes at IoU 0.5",
};
const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

const unreadShare = (rows: readonly Row[]): number =>
  rows.reduce((sum, { unread, questions }) => sum + unread * questions, 0) /
  rows.reduce((sum, { questions }) => sum + questions, 0);

/** One line a method: how many tokens it kept, and how each task went. */
function comparison(report: Report): string {
  const titles = report[0].rows.map(({ task, score }) => `${task}, ${shown[score]}`);
  const lines = report.map(({ way, rows }) => {
    const sum = (f: (row: Row) => number): number => rows.reduce((total, row) => total + f(row), 0);
    const kept = sum((row) => row.visual_tokens_kept) / sum((row) => row.visual_tokens);
    return [way, percent(kept), ...rows.map(({ value }) => percent(value))];
  });
  return columns([["compression", "tokens kept", ...titles], ...lines]);
}

function table(report: Report): string {
  const lines = [["task", "score", "asked", ...report.map(({ way }) => way)]];
  report[0].rows.forEach(({ task, score, questions }, i) => {
    lines.push([task, shown[score], `${questions}`, ...report.map(({ rows }) => percent(rows[i].value))]);
  });
  const each = (rows: readonly Row[], f: (row: Row) => number): number =>
    Math.round(rows.reduce((sum, row) => sum + f(row), 0) / rows.length);
  if (report.some(({ rows }) => rows.some(({ unread }) => unread)))
    lines.push([
      "said to be unreadable",
      "of all questions",
      "",
      ...report.map(({ rows }) => percent(unreadShare(rows))),
    ]);
  lines.push(["visual tokens kept", "", "", ...report.map(({ rows }) => `${each(rows, (r) => r.visual_tokens_kept)}`)]);
  lines.push(["time a question", "", "", ...report.map(({ rows }) => `${each(rows, (r) => r.ms)} ms`)]);
  return columns(lines);
}
