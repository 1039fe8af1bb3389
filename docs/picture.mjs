// Draws docs/picture.png: an image, the tiles that the model sees, and its answer. After `npm run build`:
//   node docs/picture.mjs [IMAGE] [QUESTION] [TRUTH]
import { readFileSync, writeFileSync } from "node:fs";
import { createCanvas, loadImage } from "@napi-rs/canvas";
import { load } from "../dist/index.js";
import { modelFolder, readModel } from "../dist/run/models.js";
import { decoder } from "../dist/vision/decode.js";
import { cropped, shownOf } from "../dist/vision/print.js";
import { laid } from "../dist/vision/tiles.js";
import { parseTiling } from "../dist/vision/tilings.js";

const [path = "examples/receipt.png", question = "What is the total?", truth = "295.20"] = process.argv.slice(2);
const model = await load("nano");
const content = [
  { type: "image", image: path },
  { type: "text", text: question },
];
const asking = model.chat([{ role: "user", content }]);
let said = await asking.next();
while (!said.done) said = await asking.next();
await model.close();

const record = said.value;
const { detailed, adaptive, global } = record.images[0].tiles;
const shape = readModel(modelFolder("nano"));
const page = await decoder.decode(readFileSync(path), { name: path });
const { part, plan } = await shownOf(page, parseTiling(shape.tiles), shape.tileSize, () => page);
const pixels = cropped(page, part);
const layers = [
  ["detailed", detailed, "#2563eb"],
  ...(adaptive ? [["adaptive", adaptive, "#d97706"]] : []),
  ...(global ? [["global", [1, 1], "#16a34a"]] : []),
];
const image = await loadImage(path);
const [width, gap, top, side] = [396, 20, 50, 330];
const height = (width * part.height) / part.width;
const canvas = createCanvas(gap + layers.length * (width + gap) + side, top + height + gap);
const pen = canvas.getContext("2d");
pen.fillStyle = "white";
pen.fillRect(0, 0, canvas.width, canvas.height);
layers.forEach(([name, [columns, rows], colour], i) => {
  const x = gap + i * (width + gap);
  pen.drawImage(image, part.x, part.y, part.width, part.height, x, top, width, height);
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 1.6;
  pen.font = "16px sans-serif";
  pen.fillText(columns * rows > 1 ? `${name} ${columns} × ${rows}` : name, x, top - 12);
  const { shown, tops, lefts } = laid(pixels, plan, name, shape.tileSize);
  const [wide, high] = [width / shown.width, height / shown.height];
  for (const [r, row] of lefts.entries())
    for (const [c, left] of row.slice(0, -1).entries())
      pen.strokeRect(x + left * wide, top + tops[r] * high, (row[c + 1] - left) * wide, (tops[r + 1] - tops[r]) * high);
});
const ms = (time) => `${Math.round(time)} ms`;
const { timing_ms: timing, usage, answer, probability } = record;
const x = gap + layers.length * (width + gap) + 10;
let y = top + 40;
const line = (text, font, colour, step) => {
  pen.font = font;
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
  y += step;
};
line(question, "18px sans-serif", "#0f172a", 34);
line(answer.length > 24 ? `${answer.slice(0, 22)} …` : answer, "bold 24px sans-serif", "#0f172a", 42);
if (answer !== truth) line(`(wrong: it is ${truth})`, "16px sans-serif", "#475569", 42);
line(`${usage.visual_tokens} visual tokens`, "16px sans-serif", "#475569", 26);
line(`image ${ms(timing.image)}, encode ${ms(timing.encode)}`, "16px sans-serif", "#475569", 26);
line(`prefill ${ms(timing.prefill)}, decode ${ms(timing.decode)}`, "16px sans-serif", "#475569", 26);
line(`probability ${probability.toFixed(2)}`, "16px sans-serif", "#475569", 26);
writeFileSync("docs/picture.png", canvas.toBuffer("image/png"));
console.log(JSON.stringify(record));
