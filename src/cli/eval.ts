/** `galago eval synth`: scores a model on held-out drawn documents, through several ways of seeing them. */

import type { Row } from "../eval/synth.ts";
import { methodNames, parseCompression } from "../run/methods.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, modelOption, type Terminal } from "./command.ts";
import { columns, json, write } from "./output.ts";
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
  { name: "single tile", tiles: "single", scm: "off" },
];

/** The parts of the tokens at which methods of compression are compared. */
const ratios = [0.75, 0.5, 0.25];

/** The command as data. */
export const evaluate: Command<Options> = {
  name: "eval",
  about: "score a model on drawn documents of unseen seeds and fonts: its own tiles, with SCM at 0.5, single tile",
  args: [{ name: "<suite>", about: "synth" }],
  options: [
    modelOption,
    { flags: "--count <n>", about: "pages of each task", parse: whole(1), default: 50 },
    { flags: "--task <name>", about: "only this task, such as 'clean line'" },
    { flags: "--tiles <spec>", about: "see pages only through these tiles", parse: tiles },
    { flags: "--scm <ratio>", about: "with this share of detailed tokens, or off", parse: scm },
    { flags: "--skip-blank", about: "leave out tiles that hold nothing but background" },
    {
      flags: "--compress [methods...]",
      about: `compare methods that keep ${ratios.join(", ")} of the tokens: ${methodNames.join(", ")} (all where none is named), or one as random:0.1`,
    },
    { flags: "--threads <n>", about: "threads of one operator", parse: whole(1) },
    jsonOption,
  ],
  run,
};

async function run([suite]: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  if (suite !== "synth") throw usageError(`no suite "${suite}"; there is synth`);
  const [{ evalSynth, taskNames }, { openModel }, { modelFolder }] = await Promise.all([
    import("../eval/synth.ts"),
    import("../run/model.ts"),
    import("../run/models.ts"),
  ]);
  if (options.task && !taskNames.includes(options.task))
    throw usageError(`no task "${options.task}"; there are ${taskNames.join(", ")}`);
  const seen = waysOf(options);
  const model = await openModel(modelFolder(options.model), { threads: options.threads });
  const bar = progressBar(terminal, "{way} · {task} {bar} {value}/{total}");
  const report: { way: string; rows: Row[] }[] = [];
  try {
    for (const { name, ...sight } of seen) {
      const onPage = (task: string, done: number): void => {
        if (done === 1) bar?.stop();
        if (done === 1) bar?.start(options.count, 0, { way: name, task });
        bar?.update(done, { way: name, task });
      };
      const rows = await evalSynth(model, {
        count: options.count,
        sight: { ...sight, skipBlank: options.skipBlank },
        tasks: options.task ? [options.task] : undefined,
        onPage,
      });
      report.push({ way: name, rows });
    }
  } finally {
    bar?.stop();
    await model.close();
  }
  return options.json
    ? json(terminal, { model: options.model, count: options.count, ways: report })
    : write(terminal.stdout, options.compress ? comparison(report) : table(report));
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
const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

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
  const lines = [["task", "score", ...report.map(({ way }) => way)]];
  report[0].rows.forEach(({ task, score }, i) => {
    lines.push([task, shown[score], ...report.map(({ rows }) => percent(rows[i].value))]);
  });
  lines.push([
    "time a question",
    "",
    ...report.map(({ rows }) => `${Math.round(rows.reduce((sum, r) => sum + r.ms, 0) / rows.length)} ms`),
  ]);
  return columns(lines);
}
