/** A whole training run in a folder: start or resume, metrics, checkpoints, the finished model. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../graph/engine.ts";
import { writeWhole } from "../weights/whole.ts";
import type { TrainConfig } from "./config.ts";
import { lossCurve } from "./curve.ts";
import { type Metrics, type Supply, train, wantedOf } from "./loop.ts";
import { pagesOf } from "./pages.ts";
import { exportModel, fresh, hasState, keepMean, loadState, saveState, startFrom } from "./state.ts";
import { tokens } from "./tokens.ts";

/** Weights that only training uses. */
const trainingOnly = /^dense_head\./;

export interface RunEnd {
  /** Steps of all phases that the folder's metrics hold. */
  steps: number;
  finished: boolean;
  samples: number;
}

/** Trains into `config.out`: state.safetensors every `save` steps, at the end and when the signal aborts; metrics.jsonl, loss.png, model/ and, of each
 *  phase that has ended, phases/NAME/.
 *  A folder that holds a state is continued with the losses it would have had. */
export async function run(
  config: TrainConfig,
  engine: Engine,
  supply: Supply,
  options: { signal?: AbortSignal; onStep?: (m: Metrics, done: number, total: number) => void } = {},
): Promise<RunEnd> {
  const { json, tokenizer } = tokens(config);
  const placeholder = tokenizer.id("<IMG_CONTEXT>");
  const wanted = wantedOf(config, placeholder);
  mkdirSync(config.out, { recursive: true });
  // Pages that cannot be had are told before anything is drawn.
  for (const share of config.phases.flatMap(({ mixture }) => mixture)) if (share.pages) await pagesOf(share);
  const state = hasState(config.out) ? loadState(config.out, wanted) : fresh(wanted, config.seed);
  if (config.from && !hasState(config.out)) startFrom(state, config.from);
  keepMean(state, wanted, config.optimizer.mean > 0);
  const path = join(config.out, "metrics.jsonl");
  const lines = resumedMetrics(path, state.position.total);
  const total = config.phases.reduce((sum, p) => sum + p.steps, 0);
  const save = (): void => {
    saveState(config.out, state);
    if (lines.length) writeWhole(join(config.out, "loss.png"), lossCurve(lines));
  };
  const exportTo = (folder: string): void =>
    exportModel(join(config.out, folder), state, wanted, config.model, json, trainingOnly);
  for await (const metrics of train(config, state, engine, supply, placeholder)) {
    lines.push(metrics);
    appendFileSync(path, `${JSON.stringify(metrics)}\n`);
    options.onStep?.(metrics, lines.length, total);
    const { name, steps } = config.phases.find(({ name }) => name === metrics.phase)!;
    if (metrics.step === steps) {
      save();
      exportTo(join("phases", name.replace(/[^\w.-]+/g, "-")));
    }
    if (options.signal?.aborted) break;
    if (lines.length % config.save === 0) save();
  }
  save();
  exportTo("model");
  const { total: steps, phase } = state.position;
  return { steps, finished: phase >= config.phases.length, samples: lines.reduce((sum, m) => sum + m.samples, 0) };
}

/** The metrics up to the state: steps made after the last checkpoint will be made again. */
function resumedMetrics(path: string, steps: number): Metrics[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8").split("\n").filter(Boolean).slice(0, steps);
  const lines = text.map((line) => JSON.parse(line) as Metrics);
  writeWhole(path, text.map((line) => `${line}\n`).join(""));
  return lines;
}
