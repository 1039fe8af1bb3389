// What storing real trained weights in fewer bits costs: stories15M in each precision, its size and its perplexity on the same texts, and the
// story it tells. Run `npm run build` and `npm install --prefix bench` first, then
//   node bench/perplexity.mjs [--threads 2]
import { parseArgs } from "node:util";
import { openStories, texts } from "./stories.mjs";

const { values: o } = parseArgs({ options: { threads: { type: "string", default: "2" } } });
const rows = [];
for (const precision of ["f32", "f16", "int8", "int4"]) {
  const model = await openStories(precision, Number(o.threads));
  const perplexity = await model.perplexity(texts);
  const { text } = await model.tell("Once upon a time", 60);
  await model.close();
  const change = 100 * (perplexity / (rows[0]?.perplexity ?? perplexity) - 1);
  rows.push({ precision, bytes: model.bytes, perplexity, change_percent: Number(change.toFixed(2)), text });
}
console.log(JSON.stringify({ date: new Date().toISOString().slice(0, 10), node: process.version, rows }, null, 2));
