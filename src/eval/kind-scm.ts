/** References of token compression: which tokens survive, and what the model says after it. */
import { z } from "zod";
import { scm } from "../compress/scm.ts";
import { FormatError } from "../errors.ts";
import type { Values } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { input, iota } from "../graph/tensor.ts";
import {
  languageModel,
  type MiniMonkeyConfig,
  miniMonkeyConfig,
  patchFeatures,
  visualTokens,
} from "../models/mini-monkey.ts";
import { attentionOf, merged, type TextModel } from "../models/text-model.ts";
import type { Weights } from "../weights/path.ts";
import { greedy } from "./greedy.ts";
import type { Ids, Kind, Reference } from "./reference.ts";

/** How the authors' code compresses where reference.json does not say. */
const method = z.object({ ratio: z.number().default(0.5), reproduce_dropped_token: z.boolean().default(true) });

const scmNotes = z.object({ image_context_token_id: z.int(), tokens_per_tile: z.int().positive() });

/** SCM by itself. Inputs, for each case: CASE_input_ids [1, t], CASE_inputs_embeds [1, t, d] with the visual tokens in place,
 *  CASE_target_aspect_ratio [columns, rows]. */
export const scmCases: Kind = async (reference) => {
  const { w, engine, inputs, wanted, ids, floats, config, notes } = reference;
  const model = languageModel(w, config(miniMonkeyConfig));
  const { image_context_token_id: placeholder, tokens_per_tile } = notes(scmNotes);
  const found: Record<string, Values> = {};
  for (const name of inputs.flatMap((name) => name.match(/^(.*)_input_ids$/)?.[1] ?? [])) {
    const [columns, rows] = ids(`${name}_target_aspect_ratio`).data;
    const window = Number(columns) * Number(rows) * tokens_per_tile;
    const from = firstVisual(ids(`${name}_input_ids`), placeholder);
    const compressed = await compress(reference, model, floats(`${name}_inputs_embeds`), from, window);
    for (const [key, values] of Object.entries(compressed)) found[`${name}_${key}`] = values;
    const steps = wanted.get(`${name}_greedy_tokens`)?.[1];
    if (!steps) continue;
    found[`${name}_greedy_tokens`] = (await greedy(engine, model, compressed.compressed_embeds, steps)).tokens;
  }
  return found;
};

/** The place of the first visual token. Throws FormatError where there is none. */
function firstVisual({ data }: Ids, placeholder: number): number {
  const at = data.indexOf(BigInt(placeholder));
  if (at < 0) throw new FormatError(`the input ids hold no visual token; expected some of id ${placeholder}`);
  return at;
}

const endToEnd = z.object({
  img_context_token_id: z.int(),
  target_aspect_ratio: z.tuple([z.int().positive(), z.int().positive()]),
  num_image_token: z.int().positive(),
});

/** Pixels [n, 3, s, s] and ids [1, t] to tokens, with and without SCM. */
export const miniMonkeyEndToEnd: Kind = async (reference) => {
  const { w, engine, wanted, run, ids, floats, config } = reference;
  const c = config(miniMonkeyConfig);
  const { img_context_token_id: placeholder, target_aspect_ratio, num_image_token } = config(endToEnd);
  const [pixels, prompt] = [floats("pixel_values"), ids("input_ids")];
  const graph = { embeds: promptGraph(pixels.shape, prompt.shape, placeholder, w, c) };
  const { embeds } = await run(graph, { pixels, ids: prompt });
  const [columns, rows] = target_aspect_ratio;
  const from = firstVisual(prompt, placeholder);
  const model = languageModel(w, c);
  const compressed = await compress(reference, model, embeds, from, columns * rows * num_image_token);
  const found: Record<string, Values> = { kept_indices_scm: compressed.kept_indices };
  for (const [way, x] of Object.entries({ no_scm: embeds, scm: compressed.compressed_embeds })) {
    const steps = (wanted.get(`greedy_tokens_${way}`) ?? wanted.get(`step_logits_${way}`))?.[1] ?? 0;
    const { tokens, logits } = await greedy(engine, model, x, steps);
    Object.assign(found, { [`greedy_tokens_${way}`]: tokens, [`step_logits_${way}`]: logits });
  }
  return found;
};

function promptGraph(
  pixels: readonly number[],
  ids: readonly number[],
  placeholder: number,
  w: Weights,
  c: MiniMonkeyConfig,
) {
  const features = visualTokens(patchFeatures(input("pixels", pixels), w, c), w, c);
  return merged(input("ids", ids, "i64"), features.rearrange("n f d -> (n f) d"), placeholder, languageModel(w, c));
}

/** What survives of a prompt, with all that SCM saw of it. embeds: [1, t, d]; the window is `tokens` wide and begins at `from`. */
async function compress(
  { run, notes }: Reference,
  model: TextModel,
  embeds: Values,
  from: number,
  tokens: number,
): Promise<Record<string, Values>> {
  const { ratio, reproduce_dropped_token } = notes(method);
  const [, t, d] = embeds.shape;
  const rows = embeds.data as Float32Array;
  let seen: Record<string, Values> = {};
  // The authors' code slices the whole prompt: the token it drops behind the window may be any, so all count as visual.
  const kept = await scm({ ratio, reference: reproduce_dropped_token }).keep({
    tokens: t - from,
    windows: [{ from: 0, to: tokens }],
    features: rows.subarray(from * d),
    async attention(layer) {
      seen = await run(judged(layer, model, embeds.shape, from, from + tokens), { embeds });
      return [seen.score.data as Float32Array];
    },
    likeness: async () => [],
  });
  const indices = [...Array(from).keys(), ...Array.from(kept, (i) => from + i)];
  const data = new Float32Array(indices.length * d);
  for (const [to, index] of indices.entries()) data.set(rows.subarray(index * d, (index + 1) * d), to * d);
  return {
    ...seen,
    kept_indices: { dtype: "i64", shape: [indices.length], data: BigInt64Array.from(indices, BigInt) },
    compressed_embeds: { dtype: "f32", shape: [1, indices.length, d], data },
  };
}

/** How much the tokens behind the window [from, to) look at each of the window, in one layer. */
function judged(layer: number, model: TextModel, shape: readonly number[], from: number, to: number): Outputs {
  const [, t] = shape;
  const x = input("embeds", shape);
  const pass = { positions: iota(t).reshape([1, t]) };
  const attention = attentionOf(model, layer, x, iota(t), pass);
  const perHead = attention.slice(2, to, t).slice(3, from, to).mean([2]).rearrange("1 h 1 s -> 1 h s");
  return {
    [`full_attention_layer${layer}`]: attention,
    [`hidden_after_layer${layer - 1}`]: model.states(x, pass)[layer],
    mean_attention_per_head: perHead,
    score: perHead.mean([1]).rearrange("1 1 s -> 1 s"),
  };
}
