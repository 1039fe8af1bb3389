/** A model without its weights. */
import type { Outputs } from "../graph/graph.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { openEnded } from "../weights/checkpoint.ts";
import { weights } from "../weights/path.ts";
import { languageGraph } from "./language.ts";
import { sightGraph } from "./sight.ts";

/** The graphs of a model, and the weights that they want, by key. */
export interface Outline {
  readonly eyes: Outputs;
  readonly words: Outputs;
  readonly wanted: ReturnType<typeof openEnded>["wanted"];
}

/** Traces a model of which nothing need be here. */
export function outlineOf(model: Multimodal): Outline {
  const source = openEnded();
  const w = weights(source);
  return { eyes: sightGraph(w, model), words: languageGraph(model.language(w)), wanted: source.wanted };
}
