/** Which sample comes when: a pure function of the seed, the phase and the sample's number, so that any run can be continued. */
import type { Question } from "../data/page.ts";
import { Random } from "../data/random.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { parseTiling } from "../vision/tilings.ts";
import type { Phase, Share, TrainConfig } from "./config.ts";
import { type Pages, pagesOf } from "./pages.ts";
import { type Sample, sampleOf } from "./sample.ts";

/** Sample number `index` of a phase. */
export type Feed = (phase: number, index: number) => Promise<Sample>;

/** The samples of a configuration. Files of pages are opened when first needed. */
export function feed(config: TrainConfig, tokenizer: Tokenizer): Feed {
  const opened = new Map<Share, Promise<Pages>>();
  return async (phase, index) => {
    const p = config.phases[phase];
    const random = new Random(`${config.seed} ${p.name}`, index);
    const { model } = config;
    const share = chosen(p, random);
    const pages = opened.get(share) ?? pagesOf(share);
    opened.set(share, pages);
    const page = await (await pages)(random);
    const plan = parseTiling(share.tiles).plan(page.image.width, page.image.height, model.force_image_size);
    const longest = Math.max(...p.shapes.map(({ tokens }) => tokens));
    return sampleOf(page, asked(page.questions, p.questions, random), plan, model, tokenizer, longest, p.sight);
  };
}

function chosen(phase: Phase, random: Random): Share {
  const total = phase.mixture.reduce((sum, share) => sum + share.weight, 0);
  let at = random.real(0, total);
  for (const share of phase.mixture) if ((at -= share.weight) <= 0) return share;
  return phase.mixture[0];
}

/** Questions in random order; reading it all, which costs the most tokens, comes last. */
function asked(questions: readonly Question[], most: number, random: Random): Question[] {
  const keyed = questions.map(
    (q) => [random.real(0, 1) + (q.kind === "read" ? 1 : q.name === "total" ? -0.5 : 0), q] as const,
  );
  const sorted = keyed.sort(([a], [b]) => a - b).map(([, q]) => q);
  const read = sorted.filter((q) => q.kind === "read").slice(0, 1);
  return [...sorted.filter((q) => q.kind !== "read").slice(0, most - read.length), ...read];
}
