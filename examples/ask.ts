/** Asks a model about an image and prints the answer as it comes: `node dist-of-your-own/ask.js page.png "What is the total?"`. */
import { load } from "galago";

const [image, text] = process.argv.slice(2);
const model = await load("nano");
const answer = model.chat([
  {
    role: "user",
    content: [
      { type: "image", image },
      { type: "text", text },
    ],
  },
]);
let step = await answer.next();
for (; !step.done; step = await answer.next()) process.stdout.write(step.value.text);
const { usage, timing_ms } = step.value;
console.error(
  `\n${usage.visual_tokens} visual tokens, first token after ${Math.round(timing_ms.image + timing_ms.encode + timing_ms.prefill)} ms`,
);
await model.close();
