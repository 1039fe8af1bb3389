/** Writes the mean of the weights of two models, of which the second was trained on from the first: `node bench/mean.mjs FIRST SECOND DEST`. What the first lacks counts as nothing in it.
 *  Steps of few pages leave noise in the weights; the mean of two ends of a run has less of it (model soups, Wortsman 2022, arXiv 2203.05482). */
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, writeSafetensors } from "../dist/weights/safetensors.js";

const [first, second, dest] = process.argv.slice(2);
if (!dest || existsSync(dest)) {
  process.stderr.write("mean: expected two model folders and one that is not there yet: FIRST SECOND DEST\n");
  process.exit(2);
}

function means(name) {
  const [a, b] = [first, second].map((folder) => openSafetensors(join(folder, name)));
  const lost = [...a.entries.keys()].find((key) => !b.entries.has(key));
  if (lost) throw new Error(`${first}: "${lost}" is not in ${second}, which was not trained on from it`);
  return [...b.entries].map(([key, { shape }]) => {
    const other = a.entries.get(key)?.shape ?? shape;
    if (`${other}` !== `${shape}`) throw new Error(`${first}: "${key}" is [${other}], [${shape}] in ${second}`);
    const before = a.entries.has(key) ? a.read(key) : new Float32Array(b.read(key).length);
    return [key, { dtype: "F16", shape, data: b.read(key).map((v, i) => (v + before[i]) / 2) }];
  });
}

const files = ["model.safetensors", join("training", "heads.safetensors")].map((name) => [name, means(name)]);
cpSync(second, dest, { recursive: true });
for (const [name, tensors] of files) writeSafetensors(join(dest, name), tensors);
