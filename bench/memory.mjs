/** Full-size models without a download: fabricate, convert, ask, and the most memory that each step was resident with.
 *  node bench/memory.mjs [--models mini-monkey,tinygpt-v] [--precisions int8,int4] [--folder DIR] [--tokens 4] */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";

const { values: options } = parseArgs({
  options: {
    models: { type: "string", default: "mini-monkey,tinygpt-v" },
    precisions: { type: "string", default: "int8,int4" },
    folder: { type: "string", default: join(tmpdir(), "galago-memory") },
    tokens: { type: "string", default: "4" },
  },
});
const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const image = join(options.folder, "page.png");
mkdirSync(options.folder, { recursive: true });

/** A page of 2000 x 1500 pixels with lines on it. */
const bars = Array.from(
  { length: 40 },
  (_, i) => `<rect x="120" y="${60 + 35 * i}" width="${1700 - 31 * (i % 9)}" height="14"/>`,
);
await sharp(
  Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="1500"><rect width="2000" height="1500" fill="white"/>${bars.join("")}</svg>`,
  ),
)
  .png()
  .toFile(image);

const gb = (bytes) => Number((bytes / 1e9).toFixed(2));

/** Runs a command of Galago's in a process of its own: its JSON, and seconds. */
function measured(...words) {
  const began = performance.now();
  const run = spawnSync(process.execPath, [cli, ...words, "--json"], { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (run.status !== 0) throw new Error(`galago ${words.join(" ")}: ${run.stderr}`);
  const json = JSON.parse(run.stdout);
  return { json, seconds: Math.round((performance.now() - began) / 1000), peak_gb: gb(json.peak_rss_bytes) };
}

const results = [];
for (const model of options.models.split(",")) {
  const source = join(options.folder, model);
  if (!existsSync(join(source, "config.json"))) {
    const { json, ...cost } = measured("fabricate", model, "--out", source);
    results.push({ model, step: "fabricate", ...cost, parameters: json.parameters });
  }
  for (const precision of options.precisions.split(",")) {
    const dest = `${source}-${precision}`;
    if (!existsSync(join(dest, "config.json"))) {
      const { json: _, ...cost } = measured("convert", source, dest, "--precision", precision);
      results.push({ model, step: `convert to ${precision}`, ...cost });
    }
    const asked = [
      "ask",
      image,
      "Read all the text.",
      "--model",
      dest,
      "--tiles",
      "msac",
      "--max-tokens",
      options.tokens,
    ];
    const { json, ...cost } = measured(...asked);
    const { usage, timing_ms } = json;
    const stored_gb = gb(statSync(join(dest, "model.safetensors")).size);
    results.push({ model, step: `ask in ${precision}`, ...cost, stored_gb, usage, timing_ms });
  }
}
const [{ model: cpu }] = cpus();
const flags =
  existsSync("/proc/cpuinfo") && /avx512_vnni/.test(readFileSync("/proc/cpuinfo", "utf8")) ? "AVX-512 VNNI" : "";
process.stdout.write(
  `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), command: `node bench/memory.mjs ${process.argv.slice(2).join(" ")}`.trim(), machine: { cpu, flags, cores: cpus().length, memory_gb: gb(totalmem()), node: process.version }, results }, null, 2)}\n`,
);
