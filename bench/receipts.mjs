/** Exact match of totals and dates on scanned receipts: a folder with images and labels.jsonl, { "image": ..., "total": ..., "date": ... } a line.
 *  node bench/receipts.mjs DIR [--model nano] [--tiles SPEC] */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { load } from "../dist/index.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { model: { type: "string", default: "nano" }, tiles: { type: "string" } },
});
const [folder] = positionals;
const labels = readFileSync(join(folder, "labels.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const model = await load(options.model, { tiles: options.tiles });

/** Amounts by their digits, without currency and thousands; the rest by its letters and digits. */
const plain = (text) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9.]/g, "")
    .replace(/^(rm|gbp|eur|usd)/, "");

async function asked(image, question) {
  const content = [
    { type: "image", image },
    { type: "text", text: question },
  ];
  const answering = model.chat([{ role: "user", content }]);
  let step = await answering.next();
  while (!step.done) step = await answering.next();
  return step.value;
}

const rows = [];
for (const { image, ...truth } of labels)
  for (const field of ["total", "date"]) {
    const { answer, probability, timing_ms } = await asked(join(folder, image), `What is the ${field}?`);
    const ms = Object.values(timing_ms).reduce((a, b) => a + b, 0);
    rows.push({
      image,
      field,
      answer,
      truth: truth[field],
      right: plain(answer) === plain(truth[field]),
      probability,
      ms,
    });
  }
await model.close();
const share = (field) => {
  const own = rows.filter((row) => row.field === field);
  return own.filter(({ right }) => right).length / own.length;
};
const times = rows.map(({ ms }) => ms).sort((a, b) => a - b);
process.stdout.write(
  `${JSON.stringify({ model: options.model, receipts: labels.length, total: share("total"), date: share("date"), median_ms: times[times.length >> 1], rows }, null, 2)}\n`,
);
