/** A server under load: many clients that ask about drawn receipts, one that reads a stream, and health checks beside them. Run `npm run build` and `npm ci --prefix bench` first, then
 *  node bench/serve.mjs [--minutes 5] [--clients 32] [--model nano] [--out FILE]
 *  The project's aims: no error, memory of the last minute within 5% of the second's, 95 of 100 health checks within 50 ms, and the first byte of a stream
 *  within 20 ms of the engine's first token. The exit status is 1 where one is missed. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import autocannon from "autocannon";

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    clients: { type: "string", default: "32" },
    model: { type: "string", default: "nano" },
    out: { type: "string" },
  },
});
const seconds = Number(options.minutes) * 60;
const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "galago-serve-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
spawnSync(process.execPath, [cli, "synth", "--kind", "receipt", "--count", "24", "--out", folder], {
  stdio: "inherit",
});
const images = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith(".png"))
  .map((name) => `data:image/png;base64,${readFileSync(join(folder, name), "base64")}`);

const asked = (question, image, stream = false) =>
  JSON.stringify({
    model: options.model,
    stream,
    messages: [
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: image } },
          { type: "text", text: question },
        ],
      },
    ],
  });
const questions = ["What is the total?", "What is the date?", "Which company is it?"];
const bodies = images.flatMap((image) => questions.map((question) => asked(question, image)));

const server = spawn(process.execPath, [cli, "serve", "--port", "0", "--model", options.model, "--log-content"], {
  stdio: ["ignore", "ignore", "pipe"],
});
process.on("exit", () => server.kill());
/** Seconds from the request to the engine's first piece, by question. */
const firstOf = new Map();
const address = await new Promise((resolve, reject) => {
  server.on("exit", (status) => reject(new Error(`galago serve ended with status ${status}`)));
  createInterface({ input: server.stderr }).on("line", (line) => {
    const found = /answers at (\S+)$/.exec(line);
    if (found) resolve(found[1]);
    else if (line.startsWith("{")) {
      const { question, first_seconds } = JSON.parse(line);
      firstOf.set(question, first_seconds);
    } else process.stderr.write(`${line}\n`);
  });
});
const completions = `${address}/v1/chat/completions`;
const headers = { "Content-Type": "application/json" };

const begun = performance.now();
const left = () => seconds * 1000 - (performance.now() - begun);

/** Milliseconds by which the first words of a stream reach its client later than the engine had them, the way of the request included. */
async function streams() {
  const late = [];
  for (let i = 0; left() > 0; i++) {
    const question = `What is the total? (${i})`;
    const sent = performance.now();
    const response = await fetch(completions, {
      method: "POST",
      headers,
      body: asked(question, images[i % images.length], true),
    });
    let [text, heard] = ["", 0];
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (!heard && /"content":"[^"]/.test(text)) heard = performance.now() - sent;
    }
    await sleep(200);
    if (heard && firstOf.has(question)) late.push(heard - firstOf.get(question) * 1000);
  }
  return late;
}

/** Milliseconds of health checks, ten a second. */
async function checks() {
  const times = [];
  while (left() > 0) {
    const sent = performance.now();
    await (await fetch(`${address}/health`)).text();
    times.push(performance.now() - sent);
    await sleep(Math.max(0, 100 - times.at(-1)));
  }
  return times;
}

/** Bytes that the server is resident with, each second, and when. */
async function memory() {
  const samples = [];
  for (; left() > 0; await sleep(1000)) {
    const [, kB] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"));
    samples.push({ at: (performance.now() - begun) / 1000, bytes: Number(kB) * 1024 });
  }
  return samples;
}

const load = autocannon({
  url: completions,
  method: "POST",
  headers,
  connections: Number(options.clients) - 1,
  duration: seconds,
  timeout: 600,
  requests: bodies.map((body) => ({ method: "POST", path: "/v1/chat/completions", headers, body })),
});
if (process.stderr.isTTY) autocannon.track(load, { outputStream: process.stderr, renderResultsTable: false });
const [{ requests, errors, timeouts, non2xx, latency }, late, health, samples] = await Promise.all([
  load,
  streams(),
  checks(),
  memory(),
]);

const quantile = (numbers, q) => [...numbers].sort((a, b) => a - b)[Math.floor(q * (numbers.length - 1))];
const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const resident = (from, to) => mean(samples.filter(({ at }) => at >= from && at < to).map(({ bytes }) => bytes));
const share = seconds / 5;
const [before, after] = [resident(share, 2 * share), resident(4 * share, 5 * share)];
const round = (number) => Number(number.toPrecision(3));
const report = {
  date: new Date().toISOString().slice(0, 10),
  machine: { cpu: cpus()[0].model, cores: cpus().length, node: process.version },
  command: `node bench/serve.mjs ${process.argv.slice(2).join(" ")}`.trim(),
  model: options.model,
  clients: Number(options.clients),
  seconds,
  answers: requests.total,
  failed: errors + timeouts + non2xx,
  answer_ms: { median: latency.p50, p99: latency.p99 },
  health_ms: { median: round(quantile(health, 0.5)), p95: round(quantile(health, 0.95)), checks: health.length },
  first_byte_late_ms: { median: round(quantile(late, 0.5)), p95: round(quantile(late, 0.95)), streams: late.length },
  resident_mb: { second_fifth: round(before / 1e6), last_fifth: round(after / 1e6), growth: round(after / before - 1) },
};
const missed = [
  report.failed > 0 && "answers failed",
  report.health_ms.p95 > 50 && "health checks took more than 50 ms",
  report.first_byte_late_ms.p95 > 20 && "first bytes came more than 20 ms late",
  report.resident_mb.growth > 0.05 && "memory grew by more than 5%",
].filter(Boolean);
const text = `${JSON.stringify({ ...report, missed }, null, 2)}\n`;
process.stdout.write(text);
if (options.out) writeFileSync(options.out, text);
process.exit(missed.length ? 1 : 0);
