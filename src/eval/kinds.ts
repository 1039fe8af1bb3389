/** The kinds of reference that can be verified, by the names that reference.json gives them. */
import { language } from "./kind-language.ts";
import { miniMonkeyEndToEnd, scmCases } from "./kind-scm.ts";
import { miniMonkeyTrain } from "./kind-train.ts";
import { internVitStates, miniMonkeyVision } from "./kind-vision.ts";
import type { Kind } from "./reference.ts";

/** One row a kind. */
export const kinds: Readonly<Record<string, Kind>> = {
  intern_vit: internVitStates,
  mini_monkey_vision: miniMonkeyVision,
  internlm2: language,
  internlm2_ntk: language,
  scm: scmCases,
  mini_monkey_e2e: miniMonkeyEndToEnd,
  mini_monkey_train: miniMonkeyTrain,
};
