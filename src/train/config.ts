/** What `galago train` is told: one YAML file, checked before anything starts. */
import { z } from "zod";
import { kinds } from "../data/draw.ts";
import type { Kind } from "../data/page.ts";
import { FormatError, RequestError } from "../errors.ts";
import { type MiniMonkeyConfig, miniMonkeyConfig } from "../models/mini-monkey.ts";
import { checkUnread } from "../models/unread.ts";
import type { Sight } from "./objective.ts";
import type { Optimizer } from "./step.ts";

/** Pages and the tile plans they are seen through: drawn ones of a kind, with how strongly the paper is worn, or those of a conversation
 *  file (.jsonl, data/conversations.ts), a PDF, or a folder of such files. */
export interface Share {
  kind?: Kind | undefined;
  pages?: string | undefined;
  weight: number;
  tiles: string;
  effects: [low: number, high: number];
}

/** A stretch of training with its own data and losses. */
export interface Phase {
  name: string;
  steps: number;
  /** Learning rate at the start (after warm-up) and at the end; between them half a cosine. */
  lr: [from: number, to: number];
  warmup: number;
  /** "labels": the language model sees the true characters instead of the tower's tokens. */
  sight: Sight;
  /** Rows and tokens of the batches; a sample goes into the first shape it fits. */
  shapes: { rows: number; tokens: number; tiles: number }[];
  /** Micro-batches of one step. */
  accumulate: number;
  /** Weights of the two losses; 0 leaves a part of the model out. */
  answer: number;
  dense: number;
  /** Questions asked about one page, at most. */
  questions: number;
  /** Weights under these prefixes stay as they are. */
  frozen: string[];
  mixture: Share[];
}

export interface TrainConfig {
  out: string;
  /** A model folder whose weights are the start; absent: the seeded initialiser. */
  from?: string | undefined;
  seed: number;
  threads: number;
  workers: number;
  /** Steps between checkpoints. */
  save: number;
  optimizer: Optimizer;
  model: MiniMonkeyConfig;
  phases: Phase[];
}

const share: z.ZodType<Share> = z
  .strictObject({
    kind: z.enum(kinds as [Kind, ...Kind[]]).optional(),
    pages: z.string().optional(),
    weight: z.number().positive().default(1),
    tiles: z.string(),
    effects: z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]).default([0, 0.5]),
  })
  .refine(({ kind, pages }) => (kind === undefined) !== (pages === undefined), {
    message: "expected a kind of page to draw, or pages: a file or folder, and not both",
  });

const phase: z.ZodType<Phase> = z.strictObject({
  name: z.string(),
  steps: z.int().positive(),
  lr: z.tuple([z.number().nonnegative(), z.number().nonnegative()]),
  warmup: z.int().nonnegative().default(0),
  sight: z.enum(["tiles", "labels"]).default("tiles"),
  shapes: z
    .array(z.strictObject({ rows: z.int().positive(), tokens: z.int().positive(), tiles: z.int().positive() }))
    .min(1),
  accumulate: z.int().positive().default(1),
  answer: z.number().nonnegative().default(1),
  dense: z.number().nonnegative().default(0),
  questions: z.int().positive().default(8),
  frozen: z.array(z.string()).default([]),
  mixture: z.array(share).min(1),
});

const trainConfig: z.ZodType<TrainConfig> = z.strictObject({
  out: z.string(),
  from: z.string().optional(),
  seed: z.int().default(1),
  threads: z.int().positive().default(2),
  workers: z.int().positive().default(1),
  save: z.int().positive().default(200),
  optimizer: z
    .strictObject({
      beta1: z.number().default(0.9),
      beta2: z.number().default(0.98),
      eps: z.number().default(1e-8),
      weightDecay: z.number().default(0.05),
      maxNorm: z.number().positive().default(1),
      muon: z.boolean().default(false),
    })
    .prefault({}),
  model: miniMonkeyConfig,
  phases: z.array(phase).min(1),
});

/** The checked configuration. Throws FormatError naming the first field that does not fit. */
export function parseTrainConfig(document: unknown, name: string): TrainConfig {
  const result = trainConfig.safeParse(document);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new FormatError(`${name}: ${issue.path.join(".") || "the file"}: ${issue.message}`);
  }
  checkUnread((document as { model: unknown }).model, result.data.model, name, ["model"]);
  const names = result.data.phases.map((p) => p.name);
  const twice = names.find((phase, i) => names.indexOf(phase) < i);
  if (twice)
    throw new RequestError(`${name}: two phases are called "${twice}"; the name decides their data, give each its own`);
  for (const p of result.data.phases)
    if (p.sight === "labels" && p.mixture.some(({ pages }) => pages))
      throw new RequestError(
        `${name}: phase "${p.name}" shows the true characters, which nobody knows of one's own pages; draw them, or give sight: tiles`,
      );
  for (const p of result.data.phases)
    if (!p.answer && (!p.dense || p.sight === "labels"))
      throw new RequestError(
        `${name}: phase "${p.name}" has no loss; give answer ${p.sight === "labels" ? "" : "or dense "}a weight`,
      );
  return result.data;
}
