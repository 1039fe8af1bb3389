/** `galago eval synth`: scores a model on held-out drawn documents, through several ways of seeing them. */

import type { Row } from "../eval/synth.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, modelOption, type Terminal } from "./command.ts";
import { columns, json, write } from "./output.ts";
import { scm, tiles, usageError, whole } from "./values.ts";

interface Options {
  readonly model: string;
  readonly count: number;
  readonly tiles?: string;
  readonly scm?: number | "off";
  readonly task?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

/** A way of seeing: its name in the table, and what the model is told. */
interface Way {
  name: string;
  tiles?: string;
  scm?: number | "off";
}

const ways: readonly Way[] = [
  { name: "own tiles", scm: "off" },
  { name: "own tiles, SCM 0.5", scm: 0.5 },
  { name: "single tile", tiles: "single", scm: "off" },
];

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
  const named = options.tiles !== undefined || options.scm !== undefined;
  const seen: readonly Way[] = named
    ? [
        {
          name: `${options.tiles ?? "own tiles"}, SCM ${options.scm ?? "its own"}`,
          tiles: options.tiles,
          scm: options.scm,
        },
      ]
    : ways;
  const model = await openModel(modelFolder(options.model), { threads: options.threads });
  const bar = progressBar(terminal, "{way} · {task} {bar} {value}/{total}");
  const report: { way: string; rows: Row[] }[] = [];
  try {
    for (const { name, tiles, scm } of seen) {
      const onPage = (task: string, done: number): void => {
        if (done === 1) bar?.stop();
        if (done === 1) bar?.start(options.count, 0, { way: name, task });
        bar?.update(done, { way: name, task });
      };
      const rows = await evalSynth(model, {
        count: options.count,
        sight: { tiles, scm },
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
    : write(terminal.stdout, table(report));
}

function table(report: readonly { way: string; rows: readonly Row[] }[]): string {
  const lines = [["task", "score", ...report.map(({ way }) => way)]];
  report[0].rows.forEach(({ task, score }, i) => {
    lines.push([
      task,
      score === "exact" ? "exact match" : "character errors",
      ...report.map(({ rows }) => `${(100 * rows[i].value).toFixed(1)}%`),
    ]);
  });
  lines.push([
    "time a question",
    "",
    ...report.map(({ rows }) => `${Math.round(rows.reduce((sum, r) => sum + r.ms, 0) / rows.length)} ms`),
  ]);
  return columns(lines);
}
