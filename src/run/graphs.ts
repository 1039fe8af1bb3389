/** The graphs of a model over the weights of a folder, at a precision. */

import { fastvLayer } from "../compress/fastv.ts";
import { scmLayer } from "../compress/scm.ts";
import { votes } from "../compress/votes.ts";
import { RequestError } from "../errors.ts";
import type { Outputs } from "../graph/graph.ts";
import { byteCache, floatCache } from "../models/cache.ts";
import type { Multimodal } from "../models/multimodal.ts";
import type { TextModel } from "../models/text-model.ts";
import { int8 } from "../quant/int8.ts";
import { packed } from "../quant/packed.ts";
import type { Checkpoint } from "../weights/checkpoint.ts";
import { packedKey } from "../weights/packed.ts";
import { close, weights } from "../weights/path.ts";
import { languageGraph, visual } from "./language.ts";
import { sightGraph } from "./sight.ts";

/** What `precision` may be: `f32` computes with the weights as they are stored, `int8` rounds stored floats to bytes when the model is opened; `int4`
 *  wants them stored so. */
const precisions = ["f32", "int8", "int4"] as const;

/** The eyes, the words with their cache, and the language model that the words are of. */
export interface Graphs {
  readonly eyes: Outputs;
  readonly words: Outputs;
  readonly language: TextModel;
  /** What SCM and FastV ask a layer of the language model, traced when it is wanted. */
  judge(layer?: number): Outputs;
}

/** Throws RequestError for a precision that there is not or that the weights do not have, WeightError for weights that are not the model's. */
export function graphsOf(checkpoint: Checkpoint, model: Multimodal, precision: string): Graphs {
  if (!precisions.some((known) => known === precision))
    throw new RequestError(`precision is "${precision}"; expected one of ${precisions.join(", ")}`);
  const w = weights(checkpoint);
  const language = model.language(w);
  const forms = new Set([...checkpoint.stored()].flatMap((name) => packedKey(name)?.form ?? []));
  if (precision === "int4" && !forms.has("blocks4"))
    throw new RequestError(
      `${checkpoint.name} is not stored in int4; convert the published files: galago convert SOURCE DEST --precision int4`,
    );
  const few = precision === "int8" ? (graph: Outputs) => packed(int8(graph)) : packed;
  const cache = forms.size || precision === "int8" ? byteCache : floatCache;
  const graphs = {
    eyes: few(sightGraph(w, model)),
    words: few(languageGraph(language, cache(language, fastvLayer))),
    language,
    judge: (layer = scmLayer) => few(votes(layer, language, visual, cache(language))),
  };
  close(w, model.buffers);
  return graphs;
}
