/** Full-size models without a download: fabricate, convert, ask, and the most memory that each step was resident with. Run `npm run build` first, then
 *  node bench/memory.mjs [--models mini-monkey,tinygpt-v] [--precisions int8,int4] [--folder DIR] [--tokens 4] [--threads N] [--out FILE]
 *  Weights lie in a folder of their own below the system's temporary one, at most 12 GB at a time, and are removed; with --folder they stay, and what is
 *  there is not made again. --out is written after each step, and what it says of this machine is not measured again. A table goes to stderr, JSON to
 *  stdout. Each precision is measured against the project's aims; the exit status is 1 where one is missed. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, parseArgs } from "node:util";
import sharp from "sharp";

const { values: options } = parseArgs({
  options: {
    models: { type: "string", default: "mini-monkey,tinygpt-v" },
    precisions: { type: "string", default: "int8,int4" },
    folder: { type: "string" },
    tokens: { type: "string", default: "4" },
    threads: { type: "string" },
    out: { type: "string" },
  },
});

/** The most that a step may take, in GB: `ask` by model and precision, and every conversion. */
const aims = { "mini-monkey": { int8: 4.5, int4: 3 }, "tinygpt-v": { int8: 6, int4: 4 } };
const convertAim = 1.5;

const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
if (options.folder) mkdirSync(options.folder, { recursive: true });
const folder = options.folder ?? mkdtempSync(join(tmpdir(), "galago-memory-"));
const discard = (path) => options.folder || rmSync(path, { recursive: true, force: true });
process.on("exit", () => discard(folder));
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
])
  process.on(signal, () => process.exit(status));

/** A page of 2000 x 1500 pixels with lines on it. */
const bars = Array.from(
  { length: 40 },
  (_, i) => `<rect x="120" y="${60 + 35 * i}" width="${1700 - 31 * (i % 9)}" height="14"/>`,
);
const image = join(folder, "page.png");
await sharp(
  Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="1500"><rect width="2000" height="1500" fill="white"/>${bars.join("")}</svg>`,
  ),
)
  .png()
  .toFile(image);

const gb = (bytes) => Number((bytes / 1e9).toFixed(2));

/** Runs a command of Galago's in a process of its own: its JSON, seconds, and the most it was resident with beside the most it may be. */
function measured(words, aim) {
  const began = performance.now();
  const run = spawnSync(process.execPath, [cli, ...words, "--json"], { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (run.status !== 0) throw new Error(`galago ${words.join(" ")}: ${run.stderr || run.signal}`);
  const json = JSON.parse(run.stdout);
  const seconds = Math.round((performance.now() - began) / 1000);
  return { json, seconds, peak_gb: gb(json.peak_rss_bytes), ...(aim && { aim_gb: aim }) };
}

const [{ model: cpu }] = cpus();
const flags =
  existsSync("/proc/cpuinfo") && /avx512_vnni/.test(readFileSync("/proc/cpuinfo", "utf8")) ? "AVX-512 VNNI" : "";
const command = `node bench/memory.mjs ${process.argv.slice(2).join(" ")}`.trim();
const machine = { cpu, flags, cores: cpus().length, memory_gb: gb(totalmem()), node: process.version };
const results = earlier();
const known = (model, step) => results.some((r) => r.model === model && r.step === step);

/** What an interrupted run left in --out. */
function earlier() {
  if (!options.out || !existsSync(options.out)) return [];
  const { machine: other, results } = JSON.parse(readFileSync(options.out, "utf8"));
  if (isDeepStrictEqual(other, machine)) return results;
  throw new Error(`${options.out}: holds measurements of another machine, ${other.cpu}; choose another --out`);
}

const report = () =>
  `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), command, machine, results }, null, 2)}\n`;

function record(result) {
  results.push(result);
  process.stderr.write(`${result.model}: ${result.step}: ${result.peak_gb} GB, ${result.seconds} s\n`);
  if (!options.out) return;
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(`${options.out}.part`, report());
  renameSync(`${options.out}.part`, options.out);
}

/** Converts and asks at one precision. */
function tried(model, source, precision) {
  const dest = `${source}-${precision}`;
  if (!existsSync(join(dest, "config.json"))) {
    const { json: _, ...cost } = measured(["convert", source, dest, "--precision", precision], convertAim);
    const step = `convert to ${precision}`;
    if (!known(model, step)) record({ model, step, ...cost });
  }
  const how = ["--model", dest, "--tiles", "msac", "--max-tokens", options.tokens];
  if (options.threads) how.push("--threads", options.threads);
  const { json, ...cost } = measured(["ask", image, "Read all the text.", ...how], aims[model]?.[precision]);
  const { usage, timing_ms } = json;
  const stored_gb = gb(statSync(join(dest, "model.safetensors")).size);
  record({ model, step: `ask in ${precision}`, ...cost, stored_gb, usage, timing_ms });
  discard(dest);
}

for (const model of options.models.split(",")) {
  const precisions = options.precisions.split(",").filter((precision) => !known(model, `ask in ${precision}`));
  if (!precisions.length) continue;
  const source = join(folder, model);
  if (!existsSync(join(source, "config.json"))) {
    const { json, ...cost } = measured(["fabricate", model, "--out", source]);
    if (!known(model, "fabricate")) record({ model, step: "fabricate", ...cost, parameters: json.parameters });
  }
  for (const precision of precisions) tried(model, source, precision);
  discard(source);
}

const cells = ({ model, step, peak_gb, aim_gb, stored_gb, seconds }) => [
  model,
  step,
  peak_gb.toFixed(2),
  aim_gb?.toFixed(2) ?? "",
  stored_gb?.toFixed(2) ?? "",
  String(seconds),
];
const rows = [["model", "step", "peak GB", "aim", "stored GB", "seconds"], ...results.map(cells)];
const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
for (const row of rows)
  process.stderr.write(
    `${row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join("  ")
      .trimEnd()}\n`,
  );
process.stdout.write(report());
const missed = results.filter(({ peak_gb, aim_gb }) => peak_gb > aim_gb);
for (const { model, step, peak_gb, aim_gb } of missed)
  process.stderr.write(`${model}: ${step} took ${peak_gb} GB, the aim is ${aim_gb}\n`);
process.exitCode = missed.length ? 1 : 0;
