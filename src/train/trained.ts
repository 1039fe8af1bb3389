/** What the trainer asks of a model: its losses, what they are fed and where its samples come from. One row a kind of model. */
import { type Question, questionKinds } from "../data/page.ts";
import { Random } from "../data/random.ts";
import { scene, sceneTruth } from "../data/scene.ts";
import { descriptionLength, type SceneQuestion, sceneQuestion } from "../data/scene-talk.ts";
import { firstHeldOutSeed } from "../data/seeds.ts";
import { RequestError } from "../errors.ts";
import type { Feeds } from "../graph/engine.ts";
import type { MiniMonkeyConfig } from "../models/mini-monkey.ts";
import type { TinyGptVFolder } from "../models/tinygpt-v.ts";
import { byteTokenizer } from "../text/bytes.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { shownOf } from "../vision/print.ts";
import { parseTiling } from "../vision/tilings.ts";
import type { Weights } from "../weights/path.ts";
import type { Phase, Share, TrainedConfig } from "./config.ts";
import { dropPath } from "./drop-path.ts";
import type { Aims, BatchShape, Losses, Sight } from "./losses.ts";
import { codesKey, objective } from "./objective.ts";
import { feeds } from "./pack.ts";
import { type Pages, pagesOf, partOf } from "./pages.ts";
import { type Sample, sampleOf } from "./sample.ts";
import { sceneObjective } from "./scene-objective.ts";
import { sceneFeeds, sceneSample } from "./scene-sample.ts";
import { sceneTokenizer } from "./vocabulary.ts";

/** A model that learns. */
export interface Trained {
  /** Number of ids. */
  readonly vocabulary: number;
  /** The contents of the tokenizer.json of one that starts from nothing. */
  tokenizer(): object;
  /** The losses of a batch that a phase aims at. */
  losses(w: Weights, shape: BatchShape, placeholder: number, aims: Aims): Losses;
  /** What a phase freezes without being told. */
  still(phase: { sight: Sight }): readonly string[];
  /** What a step is fed; the batch's name and number are the seed of what is by chance. */
  feeds(samples: readonly Sample[], shape: BatchShape, batch: { name: string; number: number }): Feeds;
  /** Draws a sample of a phase from a stream of its own. */
  sampler(tokenizer: Tokenizer): (phase: Phase, random: Random) => Promise<Sample>;
}

/** The model of a configuration. Throws RequestError for one that drawn data cannot teach. */
export const trained = (c: TrainedConfig): Trained => (c.model_type === "tinygpt_v" ? ofScenes(c) : ofPages(c));

const ofPages = (c: MiniMonkeyConfig): Trained => ({
  vocabulary: c.llm_config.vocab_size,
  tokenizer: byteTokenizer,
  losses: (w, shape, placeholder, aims) => objective(w, c, shape, placeholder, aims),
  // Codes that learned while the tower aims at them would meet it at zero.
  still: ({ sight }) => (sight === "labels" ? [] : [codesKey]),
  feeds: (samples, shape, { name, number }) => ({
    ...feeds(samples, shape, c),
    keep: dropPath(c.vision_config, shape.tiles, new Random(`${name} drop path`, number)),
  }),
  sampler(tokenizer) {
    const opened = new Map<Share, Promise<Pages>>();
    const answering = patience();
    return async (phase, random) => {
      const share = chosen(phase, random);
      const pages = opened.get(share) ?? pagesOf(share);
      opened.set(share, pages);
      const whole = await (await pages)(random);
      const { part, plan } = await shownOf(
        whole.image,
        parseTiling(share.tiles),
        c.force_image_size,
        () => whole.image,
      );
      const page = partOf(whole, part);
      const questions = asked(page.questions, phase, random);
      answering(phase, questions.length);
      return sampleOf(page, questions, plan, c, tokenizer, longest(phase), phase.sight);
    };
  },
});

function ofScenes(c: TinyGptVFolder): Trained {
  if (c.qformer.query_length !== descriptionLength)
    throw new RequestError(
      `model.qformer.query_length is ${c.qformer.query_length}; a scene is described in ${descriptionLength} words, one a query`,
    );
  return {
    vocabulary: c.llm.vocab_size,
    tokenizer: () => sceneTokenizer(c.llm.vocab_size),
    losses: (w, shape, placeholder, aims) => sceneObjective(w, c, shape, placeholder, aims),
    still: () => [],
    feeds: (samples, shape) => sceneFeeds(samples, shape, c),
    sampler: (tokenizer) => async (phase, random) => {
      const share = chosen(phase, random);
      const seed = random.int(0, firstHeldOutSeed - 1);
      const shown = phase.sight === "labels" ? sceneTruth(seed) : scene(seed, random.real(...share.effects));
      const questions = new Map<string, SceneQuestion>();
      for (let i = 0; i < phase.questions; i++) {
        const found = sceneQuestion((i ? chosen(phase, random) : share).task!, shown, random);
        const question = found && (phase.tags ? found.question : found.question.replace(/^\[\w+\] /, ""));
        if (found && question) questions.set(question, { ...found, question });
      }
      return sceneSample(shown, [...questions.values()], c, tokenizer, longest(phase));
    },
  };
}

const longest = ({ shapes }: Phase): number => Math.max(...shapes.map(({ tokens }) => tokens));

function chosen(phase: Phase, random: Random): Share {
  const total = phase.mixture.reduce((sum, share) => sum + share.weight, 0);
  let at = random.real(0, total);
  for (const share of phase.mixture) if ((at -= share.weight) <= 0) return share;
  return phase.mixture[0];
}

/** Pages that may be drawn before one is asked about. */
const mostUnasked = 100;

/** Counts the pages of each phase until one is asked about. Throws RequestError where what the phase asks fits none of many. */
function patience(): (phase: Phase, questions: number) => void {
  const unasked = new Map<Phase, number>();
  return (phase, questions) => {
    const before = unasked.get(phase) ?? 0;
    unasked.set(phase, questions > 0 ? Number.NEGATIVE_INFINITY : before + 1);
    if (phase.asks && before >= mostUnasked)
      throw new RequestError(
        `phase "${phase.name}": asks "${phase.asks.join('", "')}" fits no question about ${mostUnasked} of its pages; expected ${questionKinds.join(", ")} or the name of a question, as total or value`,
      );
  };
}

/** Questions in random order; reading it all, which costs the most tokens, comes last. */
function asked(questions: readonly Question[], { questions: most, asks }: Phase, random: Random): Question[] {
  const wanted = asks
    ? questions.filter(({ kind, name = "" }) => asks.includes(kind) || asks.includes(name))
    : questions;
  const keyed = wanted.map(
    (q) => [random.real(0, 1) + (q.kind === "read" ? 1 : q.name === "total" ? -0.5 : 0), q] as const,
  );
  const sorted = keyed.sort(([a], [b]) => a - b).map(([, q]) => q);
  const read = sorted.filter((q) => q.kind === "read").slice(0, 1);
  return [...sorted.filter((q) => q.kind !== "read").slice(0, most - read.length), ...read];
}
