/** The kinds of reference that can be verified, by the names that reference.json gives them. */
import { internlm2Language, phi2Language, phi2LoraLanguage } from "./kind-language.ts";
import { miniMonkeyEndToEnd, scmCases } from "./kind-scm.ts";
import {
  evaVitStates,
  qformerStates,
  tinyGptConversation,
  tinyGptEndToEnd,
  tinyGptTrain,
  tinyGptVision,
} from "./kind-tinygpt-v.ts";
import { miniMonkeyTrain } from "./kind-train.ts";
import { internVitStates, miniMonkeyVision } from "./kind-vision.ts";
import type { Kind } from "./reference.ts";

/** One row a kind. */
export const kinds: Readonly<Record<string, Kind>> = {
  intern_vit: internVitStates,
  mini_monkey_vision: miniMonkeyVision,
  internlm2: internlm2Language,
  internlm2_ntk: internlm2Language,
  scm: scmCases,
  mini_monkey_e2e: miniMonkeyEndToEnd,
  mini_monkey_train: miniMonkeyTrain,
  eva_vit_g: evaVitStates,
  qformer: qformerStates,
  tinygptv_vision: tinyGptVision,
  phi2_tinygptv: phi2Language,
  phi2_tinygptv_lora: phi2LoraLanguage,
  tinygptv_e2e: tinyGptEndToEnd,
  tinygptv_train: tinyGptTrain,
  tinygptv_train_conv: tinyGptConversation,
};
