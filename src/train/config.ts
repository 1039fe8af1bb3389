/** What `galago train` is told: one YAML file, checked before anything starts. */
import { z } from "zod";
import { kinds } from "../data/draw.ts";
import type { Kind } from "../data/page.ts";
import { type SceneTask, sceneTasks } from "../data/scene-talk.ts";
import { FormatError, RequestError } from "../errors.ts";
import { type MiniMonkeyConfig, miniMonkeyConfig } from "../models/mini-monkey.ts";
import { type TinyGptVFolder, tinyGptVFolder } from "../models/tinygpt-v.ts";
import { checkUnread } from "../models/unread.ts";
import type { Aims } from "./losses.ts";
import type { Optimizer } from "./step.ts";

/** Pages and the tile plans they are seen through: drawn ones of a kind, with how strongly the paper is worn, or those of a conversation
 *  file (.jsonl, data/conversations.ts), a PDF, or a folder of such files. For a TinyGPT-V: what is asked of drawn scenes. */
export interface Share {
  kind?: Kind | undefined;
  pages?: string | undefined;
  task?: SceneTask | undefined;
  weight: number;
  tiles: string;
  effects: [low: number, high: number];
  /** The page is not shown: what is read off it is given, and only what follows from that is learned. */
  given: boolean;
}

/** A stretch of training with its own data and losses. */
export interface Phase extends Aims {
  name: string;
  steps: number;
  /** Learning rate at the start (after warm-up) and at the end; between them half a cosine. */
  lr: [from: number, to: number];
  warmup: number;
  /** Rows and tokens of the batches; a sample goes into the first shape it fits. */
  shapes: { rows: number; tokens: number; tiles: number }[];
  /** Micro-batches of one step. */
  accumulate: number;
  /** Questions asked about one page, at most. */
  questions: number;
  /** Only questions of these kinds or names are asked, where it is given: "yesno", "value". */
  asks?: string[] | undefined;
  /** Whether questions about scenes name their task, "[vqa]" and so on. */
  tags: boolean;
  /** Only weights that begin so move, where it is given; * stands for anything. */
  learns?: string[] | undefined;
  /** Weights that begin so stay as they are. */
  frozen: string[];
  mixture: Share[];
}

/** What can be trained. */
export type TrainedConfig = MiniMonkeyConfig | TinyGptVFolder;

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
  model: TrainedConfig;
  phases: Phase[];
}

const share: z.ZodType<Share> = z
  .strictObject({
    kind: z.enum(kinds as [Kind, ...Kind[]]).optional(),
    pages: z.string().optional(),
    task: z.enum(sceneTasks as [SceneTask, ...SceneTask[]]).optional(),
    weight: z.number().positive().default(1),
    tiles: z.string().default("single"),
    effects: z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]).default([0, 0.5]),
    given: z.boolean().default(false),
  })
  .refine((share) => [share.kind, share.pages, share.task].filter((given) => given !== undefined).length === 1, {
    message:
      "expected a kind of page to draw, or pages: a file or folder, or the task of a scene, and one of them only",
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
  look: z.number().nonnegative().default(0),
  dense: z.number().nonnegative().default(0),
  words: z.number().nonnegative().default(0),
  average: z.enum(["token", "square"]).default("token"),
  questions: z.int().positive().default(8),
  asks: z.array(z.string()).min(1).optional(),
  tags: z.boolean().default(true),
  learns: z.array(z.string()).min(1).optional(),
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
      mean: z.number().min(0).lt(1).default(0),
    })
    .prefault({}),
  model: z.discriminatedUnion("model_type", [miniMonkeyConfig, tinyGptVFolder] as never),
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
    if (!p.answer && (!(p.dense || p.words) || p.sight === "labels"))
      throw new RequestError(
        `${name}: phase "${p.name}" has no loss; give answer ${p.sight === "labels" ? "" : "or dense "}a weight`,
      );
  for (const p of result.data.phases)
    if (p.mixture.some(({ given, kind }) => given && !kind))
      throw new RequestError(
        `${name}: phase "${p.name}": given: true is for a kind of page to draw, of which it is known what answers follow from; take it out`,
      );
  const scenes = result.data.model.model_type === "tinygpt_v";
  const other = result.data.phases.find((p) => p.mixture.some(({ task }) => (task !== undefined) !== scenes));
  if (other)
    throw new RequestError(
      `${name}: phase "${other.name}": a ${result.data.model.model_type} learns from ${scenes ? "the tasks of scenes" : "kinds of page or pages"} alone; take the others out`,
    );
  const unheard = result.data.phases.find((p) => scenes && (p.asks || p.look));
  if (unheard)
    throw new RequestError(
      `${name}: phase "${unheard.name}": ${unheard.asks ? "asks" : "look"} is for pages; what is asked of scenes are the tasks of its mixture: take it out`,
    );
  return result.data;
}
