/** Takes the values of a JSON Schema out of an image: `node dist-of-your-own/extract.js receipt.png receipt.json`. */
import { readFileSync } from "node:fs";
import { load } from "galago";

const [image, schema] = process.argv.slice(2);
const model = await load("nano");
const answer = model.chat([{ role: "user", content: [{ type: "image", image }] }], {
  schema: JSON.parse(readFileSync(schema, "utf8")),
});
let step = await answer.next();
while (!step.done) step = await answer.next();
console.log(step.value.answer);
for (const { path, value, confidence } of step.value.fields ?? [])
  console.error(`${path} is ${value}: ${Math.round(100 * confidence)}% sure`);
await model.close();
