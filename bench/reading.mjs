// Reading beside other programs that read: held-out lines and whole receipts, the same pages as `galago eval synth` asks about, by nano, by
// tesseract.js and by PP-OCR, in turns. Run `npm run build` and `npm install --prefix bench` first, then
//   node bench/reading.mjs [--count 40] [--model nano] [--threads 2] [--out bench/results/NAME.json]
// Prints character error rates over all pages and the time of a page, medians with quartiles, each page given as the bytes of a PNG.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Ocr from "@gutenye/ocr-node";
import sharp from "sharp";
import { createWorker } from "tesseract.js";
import { characterErrorRate } from "../dist/eval/metrics.js";
import { taskPages } from "../dist/eval/synth.js";
import { load } from "../dist/index.js";
import { png } from "../dist/vision/decode.js";

const { values: o } = parseArgs({
  options: {
    count: { type: "string", default: "40" },
    model: { type: "string", default: "nano" },
    threads: { type: "string", default: "2" },
    out: { type: "string" },
  },
});
const count = Number(o.count);
const threads = Number(o.threads);

/** Asks the model to read, as many characters as the longest page has. */
async function nano() {
  const model = await load(o.model, { threads });
  return {
    name: o.model,
    async read(image) {
      const content = [
        { type: "image", image },
        { type: "text", text: "Read all the text." },
      ];
      const answering = model.chat([{ role: "user", content }], { temperature: 0, maxTokens: 1000 });
      let step = await answering.next();
      while (!step.done) step = await answering.next();
      return step.value.answer;
    },
    close: () => model.close(),
  };
}

/** Tesseract's LSTM in WebAssembly, told whether a page is one line or one column, and shown a column at twice its size, which halves its errors. */
async function tesseract() {
  const langPath = fileURLToPath(new URL("node_modules/@tesseract.js-data/eng/4.0.0_best_int", import.meta.url));
  const worker = await createWorker("eng", 1, { langPath, cacheMethod: "none", gzip: true });
  return {
    name: "tesseract.js",
    async read(bytes, { width }, line) {
      const tessedit_pageseg_mode = line ? "7" : "4";
      await worker.setParameters({ tessedit_pageseg_mode, user_defined_dpi: line ? "144" : "288" });
      const seen = line
        ? bytes
        : await sharp(bytes)
            .resize({ width: 2 * width })
            .png()
            .toBuffer();
      return (await worker.recognize(seen)).data.text;
    },
    close: () => worker.terminate(),
  };
}

/** PP-OCR v4 through ONNX Runtime: a detector of lines, then a reader of each. It takes files. */
async function ppocr() {
  const ocr = await Ocr.create({ onnxOptions: { intraOpNumThreads: threads } });
  const folder = mkdtempSync(join(tmpdir(), "galago-reading-"));
  const file = join(folder, "page.png");
  return {
    name: "PP-OCR v4",
    async read(bytes) {
      writeFileSync(file, bytes);
      return (await ocr.detect(file)).map(({ text }) => text).join("\n");
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}

const tasks = ["clean line", "worn line", "whole receipt"];
const quartiles = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return [0.25, 0.5, 0.75].map((p) => Math.round(sorted[Math.floor(p * (sorted.length - 1))]));
};

const readers = [await nano(), await tesseract(), await ppocr()];
const rows = [];
for (const task of tasks) {
  const seen = readers.map(({ name }) => ({ reader: name, readings: [], times: [] }));
  let page = 0;
  for (const { page: drawn } of taskPages(task, { count })) {
    const bytes = await png(drawn.image);
    const line = task !== "whole receipt";
    // The first page warms each reader up; who begins goes round.
    for (let turn = 0; turn < readers.length; turn++) {
      const which = (turn + page) % readers.length;
      if (page === 0) await readers[which].read(bytes, drawn.image, line);
      const begun = performance.now();
      const answer = await readers[which].read(bytes, drawn.image, line);
      seen[which].times.push(performance.now() - begun);
      seen[which].readings.push({ answer, truth: drawn.text });
    }
    process.stderr.write(`\r${task}: ${++page} of ${count}`);
  }
  process.stderr.write("\n");
  const own = quartiles(seen[0].times)[1];
  for (const { reader, readings, times } of seen) {
    const [low, ms, high] = quartiles(times);
    const character_error_rate = Number(characterErrorRate(readings).toFixed(4));
    rows.push({
      task,
      reader,
      pages: count,
      character_error_rate,
      ms,
      quartiles_ms: [low, high],
      times_nano: Number((ms / own).toFixed(2)),
    });
  }
}
for (const { close } of readers) await close();

const report = {
  machine: cpus()[0].model,
  cores: cpus().length,
  node: process.version,
  date: new Date().toISOString().slice(0, 10),
  commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
  command: `node bench/reading.mjs --count ${count} --model ${o.model} --threads ${threads}`,
  rows,
};
const text = `${JSON.stringify(report, null, 2)}\n`;
if (o.out) writeFileSync(o.out, text);
process.stdout.write(text);
