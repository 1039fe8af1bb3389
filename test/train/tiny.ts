/** The smallest run that is a run: a model of a few thousand weights over words and lines. */
import type { MiniMonkeyConfig } from "../../src/models/mini-monkey.ts";
import { parseTrainConfig, type TrainConfig } from "../../src/train/config.ts";
import { tinyConfig as modelConfig } from "../support/tiny-model.ts";

const base = modelConfig();
export const tinyModel: MiniMonkeyConfig = {
  ...base,
  vision_config: { ...base.vision_config, hidden_size: 16, intermediate_size: 32 },
  llm_config: { ...base.llm_config, hidden_size: 16, intermediate_size: 32, max_position_embeddings: 512 },
};

const phase = {
  name: "words",
  steps: 6,
  lr: [1e-2, 1e-3],
  dense: 0.5,
  shapes: [{ rows: 2, tokens: 96, tiles: 4 }],
  mixture: [{ kind: "word", tiles: "single" }],
};

/** A checked configuration of one phase, with what differs. */
export const tinyConfig = (out: string, changes: object = {}, phaseChanges: object = {}): TrainConfig =>
  parseTrainConfig(
    { out, save: 100, model: tinyModel, phases: [{ ...phase, ...phaseChanges }], ...changes },
    "tiny.yaml",
  );
