/** Which sample comes when: a pure function of the seed, the phase and the sample's number, so that any run can be continued. */
import { draw } from "../data/draw.ts";
import type { Page, Question } from "../data/page.ts";
import { Random } from "../data/random.ts";
import { firstHeldOutSeed } from "../data/seeds.ts";
import { byteTokenizer } from "../text/bytes.ts";
import { parseTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { parseTiling } from "../vision/tilings.ts";
import type { Phase, Share, TrainConfig } from "./config.ts";
import { type Sample, sampleOf } from "./sample.ts";

/** Sample number `index` of a phase. */
export function sampleAt(config: TrainConfig, phase: number, index: number, tokenizer: Tokenizer): Sample {
  const p = config.phases[phase];
  const random = new Random(`${config.seed} ${p.name}`, index);
  const { model } = config;
  const share = chosen(p, random);
  const effects = share.effects[0] + (share.effects[1] - share.effects[0]) * random.real(0, 1);
  const page = draw(share.kind, random.int(0, firstHeldOutSeed - 1), { fonts: "train", effects });
  const plan = parseTiling(share.tiles).plan(page.image.width, page.image.height, model.force_image_size);
  const longest = Math.max(...p.shapes.map(({ tokens }) => tokens));
  return sampleOf(page, asked(page, p.questions, random), plan, model, tokenizer, longest, p.sight);
}

function chosen(phase: Phase, random: Random): Share {
  const total = phase.mixture.reduce((sum, share) => sum + share.weight, 0);
  let at = random.real(0, total);
  for (const share of phase.mixture) if ((at -= share.weight) <= 0) return share;
  return phase.mixture[0];
}

/** Questions in random order; reading it all, which costs the most tokens, comes last. */
function asked({ questions }: Page, most: number, random: Random): Question[] {
  const keyed = questions.map(
    (q) => [random.real(0, 1) + (q.kind === "read" ? 1 : q.name === "total" ? -0.5 : 0), q] as const,
  );
  const sorted = keyed.sort(([a], [b]) => a - b).map(([, q]) => q);
  const read = sorted.filter((q) => q.kind === "read").slice(0, 1);
  return [...sorted.filter((q) => q.kind !== "read").slice(0, most - read.length), ...read];
}

export const tokenizerOf = (): Tokenizer => parseTokenizer(byteTokenizer(), "tokenizer.json");
