/** Which sample comes when: a pure function of the seed, the phase and the sample's number, so that any run can be continued. */
import { Random } from "../data/random.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TrainConfig } from "./config.ts";
import type { Sample } from "./sample.ts";
import { trained } from "./trained.ts";

/** Sample number `index` of a phase. */
export type Feed = (phase: number, index: number) => Promise<Sample>;

/** The samples of a configuration. Files of pages are opened when first needed. */
export function feed(config: TrainConfig, tokenizer: Tokenizer): Feed {
  const draw = trained(config.model).sampler(tokenizer);
  return (phase, index) => {
    const p = config.phases[phase];
    return draw(p, new Random(`${config.seed} ${p.name}`, index));
  };
}
