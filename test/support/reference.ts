/** A reference folder of test/golden with a model: its configuration, weights, inputs and outputs. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Engine } from "../../src/graph/engine.ts";
import type { MiniMonkeyConfig } from "../../src/models/mini-monkey.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { type Weights, weights } from "../../src/weights/path.ts";
import { openSafetensors } from "../../src/weights/safetensors.ts";

/** `input` and `output` read a tensor as plain numbers. */
export interface Reference {
  readonly config: MiniMonkeyConfig;
  readonly w: Weights;
  readonly engine: Engine;
  input(key: string): number[];
  output(key: string): number[];
}

/** Opens test/golden/<name>. */
export function reference(name: string): Reference {
  const folder = fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
  const [inputs, outputs] = ["inputs", "outputs"].map((part) => openSafetensors(`${folder}/${part}.safetensors`));
  return {
    config: JSON.parse(readFileSync(`${folder}/config.json`, "utf8")) as MiniMonkeyConfig,
    w: weights(openCheckpoint(folder, ["weights.safetensors"])),
    engine: ortNode({ folder, threads: 1 }),
    input: (key: string): number[] => Array.from(inputs.read(key) as Float32Array, Number),
    output: (key: string): number[] => Array.from(outputs.read(key) as Float32Array, Number),
  };
}
