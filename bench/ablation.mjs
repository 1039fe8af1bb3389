/** What width, depth, tile size and data are worth to nano, each alone: short runs from nothing that differ from one base in one thing, and a probe of all of them
 *  on the same pages at rate zero. Run `npm run build` first, then
 *  node bench/ablation.mjs [--group tower|language] [--steps 1000] [--threads 2] [--out FILE] [--picture FILE]
 *  tower: patches name their characters; nats a place, a tenth for empty ones. language: answers from true characters; nats a character. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createCanvas } from "@napi-rs/canvas";
import { parse } from "yaml";

const { values: options } = parseArgs({
  options: {
    group: { type: "string", default: "tower" },
    steps: { type: "string", default: "1000" },
    threads: { type: "string", default: "2" },
    out: { type: "string" },
    picture: { type: "string" },
  },
});
const steps = Number(options.steps);
const threads = Number(options.threads);
const probeSteps = 15;
const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const { model } = parse(readFileSync(new URL("../configs/nano-find.yaml", import.meta.url), "utf8"));
const folder = mkdtempSync(join(tmpdir(), "galago-ablation-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const share = (kind, weight) => ({ kind, weight, effects: [0, 0.5] });
const pages = [share("block", 4), share("receipt", 3), share("line", 3), share("invoice", 1), share("table", 1)];

/** Of each group what it measures, the base, and what differs from it. A tower's batch holds as many pixels whatever its tiles. */
const groups = {
  tower: {
    part: "glyphs",
    base: { vision: {}, tile: 224, mixture: pages },
    others: {
      "width 128": { vision: { hidden_size: 128, intermediate_size: 512, num_attention_heads: 2 } },
      "width 256": { vision: { hidden_size: 256, intermediate_size: 1024, num_attention_heads: 4 } },
      "2 layers": { vision: { num_hidden_layers: 2 } },
      "6 layers": { vision: { num_hidden_layers: 6 } },
      "tiles of 112": { tile: 112 },
      "tiles of 448": { tile: 448 },
      "lines alone": { mixture: [share("line", 1)] },
      "blocks alone": { mixture: [share("block", 1)] },
    },
  },
  language: {
    part: "answer",
    base: { llm: {}, mixture: pages },
    others: {
      "width 192": { llm: { hidden_size: 192, intermediate_size: 528, num_attention_heads: 4 } },
      "width 320": { llm: { hidden_size: 320, intermediate_size: 880, num_attention_heads: 4 } },
      "2 layers": { llm: { num_hidden_layers: 2 } },
      "6 layers": { llm: { num_hidden_layers: 6 } },
      "lines first": { first: [share("line", 3), share("word", 1)] },
    },
  },
};
const { part, base, others } = groups[options.group];

function configOf(name, { vision = {}, llm = {}, tile = 224, mixture, first }) {
  const tiles = Math.max(1, Math.round(12 * (224 / tile) ** 2));
  const aims = options.group === "tower" ? { answer: 0, dense: 1 } : { sight: "labels" };
  const shapes =
    options.group === "tower"
      ? [{ rows: tiles, tokens: 13 * 64 * Math.max(1, (tile / 224) ** 2), tiles }]
      : [
          { rows: 8, tokens: 224, tiles: 12 },
          { rows: 2, tokens: 960, tiles: 14 },
        ];
  const phase = (name, steps, lr, mixture) => ({
    name,
    steps,
    lr,
    warmup: lr[0] && 20,
    ...aims,
    shapes,
    questions: 6,
    // At its own size on as many pixels, whatever the tiles.
    mixture: mixture.map((share) => ({ ...share, tiles: `native:1..${tiles}` })),
  });
  return {
    out: join(folder, name),
    seed: 71,
    threads,
    workers: 1,
    save: 1000,
    optimizer: { muon: true },
    model: {
      ...model,
      force_image_size: tile,
      vision_config: { ...model.vision_config, num_hidden_layers: 4, image_size: tile, ...vision },
      llm_config: { ...model.llm_config, num_hidden_layers: 4, ...llm },
    },
    phases: [
      ...(first ? [phase("first", Math.round(steps / 3), [1.5e-3, 1.5e-3], first)] : []),
      phase("learn", first ? steps - Math.round(steps / 3) : steps, [1.5e-3, 0.2e-3], mixture),
      phase("probe", probeSteps, [0, 0], base.mixture),
    ],
  };
}

const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

const rows = Object.entries({ base: {}, ...others }).map(([name, change]) => {
  const config = configOf(name, { ...base, ...change });
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, JSON.stringify(config));
  process.stderr.write(`${name}\n`);
  const { status } = spawnSync(process.execPath, [cli, "train", file], { stdio: ["ignore", "ignore", "inherit"] });
  if (status) process.exit(status);
  const lines = readFileSync(join(config.out, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const learned = lines.filter(({ phase }) => phase !== "probe");
  const probe = lines.filter(({ phase }) => phase === "probe").map(({ parts }) => parts[part]);
  return {
    name,
    seconds_a_step: Number(median(learned.map(({ seconds }) => seconds)).toPrecision(3)),
    probe: Number(mean(probe).toPrecision(3)),
    curve: learned.map(({ parts }) => parts[part]),
  };
});

const report = {
  date: new Date().toISOString().slice(0, 10),
  cpu: cpus()[0].model,
  group: options.group,
  steps,
  threads,
  unit: `${part}, nats`,
  rows,
};
process.stdout.write(
  `${rows.map(({ name, seconds_a_step, probe }) => `${name.padEnd(16)} ${String(seconds_a_step).padStart(7)} s a step   ${probe} nats`).join("\n")}\n`,
);
if (options.out) writeFileSync(options.out, `${JSON.stringify(report)}\n`);
if (options.picture) writeFileSync(options.picture, picture(rows));

/** Losses over seconds of steps, both logarithmic. */
function picture(rows) {
  const [width, height, left, bottom, top, right] = [900, 480, 60, 44, 20, 150];
  const canvas = createCanvas(width, height);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, width, height);
  pen.font = "12px sans-serif";
  const smooth = (curve) => curve.map((_, i) => mean(curve.slice(Math.max(0, i - 7), i + 8)));
  const curves = rows.map(({ curve, ...row }) => ({ ...row, curve: smooth(curve) }));
  const all = curves.flatMap(({ curve }) => curve);
  const [low, high] = [Math.min(...all) * 0.9, Math.max(...all)];
  const most = Math.max(...curves.map(({ curve, seconds_a_step }) => curve.length * seconds_a_step));
  const x = (s) => left + (Math.log(s) / Math.log(most)) * (width - left - right);
  const y = (v) => height - bottom - (Math.log(v / low) / Math.log(high / low)) * (height - bottom - top);
  for (const value of [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5].filter((v) => v > low && v < high)) {
    pen.fillStyle = "#e2e8f0";
    pen.fillRect(left, y(value), width - left - right, 1);
    pen.fillStyle = "#334155";
    pen.fillText(String(value), 20, y(value) + 4);
  }
  for (const s of [1, 3, 10, 30, 100, 300].filter((s) => s < most)) pen.fillText(`${s} s`, x(s) - 8, height - 18);
  pen.fillText(`${part}, nats, over seconds of steps`, left, 14);
  const colours = ["#0f172a", "#2563eb", "#7c3aed", "#d97706", "#dc2626", "#059669", "#0891b2", "#be185d", "#65a30d"];
  curves.forEach(({ name, curve, seconds_a_step }, i) => {
    pen.strokeStyle = pen.fillStyle = colours[i % colours.length];
    pen.lineWidth = i ? 1.4 : 2.4;
    pen.beginPath();
    for (const [step, value] of curve.entries()) pen.lineTo(x(Math.max(1, (step + 1) * seconds_a_step)), y(value));
    pen.stroke();
    pen.fillRect(width - right + 8, 30 + 18 * i, 14, 3);
    pen.fillText(name, width - right + 28, 35 + 18 * i);
  });
  return canvas.toBuffer("image/png");
}
