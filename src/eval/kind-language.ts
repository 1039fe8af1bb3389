/** References of the language models: one pass over ids, and greedy decoding with a cache. */
import { z } from "zod";
import type { Values } from "../graph/engine.ts";
import { input, iota, type Tensor } from "../graph/tensor.ts";
import { internlm2, textConfig } from "../models/internlm2.ts";
import { loraConfig, phi2, phi2Config } from "../models/phi2.ts";
import { attentionOf, type TextModel } from "../models/text-model.ts";
import { greedy } from "./greedy.ts";
import type { Kind, Reference } from "./reference.ts";

/** InternLM2. */
export const internlm2Language: Kind = (reference) =>
  language(reference, internlm2(reference.w, reference.config(textConfig)));

/** Phi-2 as in TinyGPT-V. */
export const phi2Language: Kind = (reference) => language(reference, phi2(reference.w, reference.config(phi2Config)));

const adapters = z.object({ lora: loraConfig });

/** The same with its adapters, at its place in a checkpoint of TinyGPT-V. */
export const phi2LoraLanguage: Kind = (reference) => {
  const { lora } = reference.config(adapters);
  return language(reference, phi2(reference.w.llama_model.base_model.model, reference.config(phi2Config), lora));
};

/** Inputs: input_ids and any input_ids_LENGTH [1, t]; padded_input_ids [b, t] or padded_inputs_embeds [b, t, d] with padded_attention_mask [b, t].
 *  Outputs: prefill_logits, prefillLENGTH_logits, hidden_states_I, attn_layerI; greedy_tokens and step_logits, bare, after
 *  fromLENGTH_ and after padded_, as many steps as the reference has. */
async function language(reference: Reference, model: TextModel): Promise<Record<string, Values>> {
  const { inputs, wanted, ids, floats } = reference;
  const found: Record<string, Values> = {};
  for (const name of inputs.filter((name) => /^input_ids(_\d+)?$/.test(name))) {
    const given = ids(name);
    const [, t] = given.shape;
    const { logits, ...states } = await pass(reference, model, given);
    found[`prefill${t}_logits`] = logits;
    if (name === "input_ids") Object.assign(found, states, { prefill_logits: logits });
    const prefixes = name === "input_ids" ? ["", `from${t}_`] : [`from${t}_`];
    const asked = prefixes.filter((prefix) => stepsOf(wanted, prefix));
    if (!asked.length) continue;
    const embeds = await embedded(reference, model, given);
    for (const prefix of asked) Object.assign(found, await generated(reference, model, prefix, embeds));
  }
  if (!stepsOf(wanted, "padded_")) return found;
  const padded = inputs.includes("padded_inputs_embeds")
    ? floats("padded_inputs_embeds")
    : await embedded(reference, model, ids("padded_input_ids"));
  return { ...found, ...(await generated(reference, model, "padded_", padded, ids("padded_attention_mask"))) };
}

/** ids: [b, t] → [b, t, d]. */
async function embedded({ run }: Reference, model: TextModel, ids: Values): Promise<Values> {
  return (await run({ embeds: model.embed(input("ids", ids.shape, "i64")) }, { ids })).embeds;
}

/** All that one pass over ids [b, t] shows. */
async function pass({ wanted, run }: Reference, model: TextModel, ids: Values): Promise<Record<string, Values>> {
  const [b, t] = ids.shape;
  const x = model.embed(input("ids", [b, t], "i64"));
  const at = { positions: iota(t).reshape([1, t]).expand([b, t]) };
  const states = model.states(x, at);
  const asked = [...wanted.keys()].flatMap((name) => name.match(/^attn_layer(\d+)$/)?.[1] ?? []);
  const attention = (layer: string): [string, Tensor] => [
    `attn_layer${layer}`,
    attentionOf(model, Number(layer), x, iota(t), at),
  ];
  return run(
    {
      logits: model.head(states.at(-1)!),
      ...Object.fromEntries(states.map((state, i) => [`hidden_states_${i}`, state])),
      ...Object.fromEntries(asked.map(attention)),
    },
    { ids },
  );
}

/** Greedy decoding from embeddings [b, t, d], under names that begin with the prefix, as many steps as the reference has. */
async function generated(
  { engine, wanted }: Reference,
  model: TextModel,
  prefix: string,
  embeds: Values,
  mask?: Values,
): Promise<Record<string, Values>> {
  const { tokens, logits } = await greedy(engine, model, embeds, stepsOf(wanted, prefix)!, mask);
  return { [`${prefix}greedy_tokens`]: tokens, [`${prefix}step_logits`]: logits };
}

/** How many tokens the reference decoded. */
function stepsOf(wanted: Reference["wanted"], prefix: string): number | undefined {
  return (wanted.get(`${prefix}greedy_tokens`) ?? wanted.get(`${prefix}step_logits`))?.[1];
}
