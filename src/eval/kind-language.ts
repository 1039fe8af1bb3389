/** References of the language model: one pass over ids, and greedy decoding with a cache. */
import type { Values } from "../graph/engine.ts";
import { size } from "../graph/shape.ts";
import { input, iota, type Tensor } from "../graph/tensor.ts";
import { internlm2, textConfig } from "../models/internlm2.ts";
import type { TextModel } from "../models/text-model.ts";
import { greedy } from "./greedy.ts";
import type { Kind, Reference } from "./reference.ts";

/** InternLM2. Inputs: input_ids and any input_ids_LENGTH [1, t], padded_input_ids with padded_attention_mask [b, t].
 *  Outputs: prefill_logits, prefillLENGTH_logits, hidden_states_I, attn_layerI; greedy_tokens and step_logits, bare, after
 *  fromLENGTH_ and after padded_, as many steps as the reference has. */
export const language: Kind = async (reference) => {
  const { w, inputs, wanted, ids, config } = reference;
  const model = internlm2(w, config(textConfig));
  const found: Record<string, Values> = {};
  for (const name of inputs.filter((name) => /^input_ids(_\d+)?$/.test(name))) {
    const given = ids(name);
    const [, t] = given.shape;
    const { logits, ...states } = await pass(reference, model, given);
    found[`prefill${t}_logits`] = logits;
    if (name === "input_ids") Object.assign(found, states, { prefill_logits: logits });
    for (const prefix of name === "input_ids" ? ["", `from${t}_`] : [`from${t}_`])
      Object.assign(found, await generated(reference, model, prefix, given));
  }
  if (stepsOf(wanted, "padded_"))
    Object.assign(
      found,
      await generated(reference, model, "padded_", ids("padded_input_ids"), ids("padded_attention_mask")),
    );
  return found;
};

/** All that one pass over ids [b, t] shows. */
async function pass({ wanted, run }: Reference, model: TextModel, ids: Values): Promise<Record<string, Values>> {
  const [b, t] = ids.shape;
  const x = model.embed(input("ids", [b, t], "i64"));
  const at = { positions: iota(t).reshape([1, t]).expand([b, t]) };
  const states = model.states(x, at);
  const asked = [...wanted.keys()].flatMap((name) => name.match(/^attn_layer(\d+)$/)?.[1] ?? []);
  const attention = (layer: string): [string, Tensor] => [
    `attn_layer${layer}`,
    model.attentionOf(Number(layer), x, iota(t), at),
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

/** Greedy decoding from ids [b, t], under names that begin with the prefix; nothing where nobody asked. */
async function generated(
  { engine, wanted, run }: Reference,
  model: TextModel,
  prefix: string,
  ids: Values,
  mask?: Values,
): Promise<Record<string, Values>> {
  const steps = stepsOf(wanted, prefix);
  if (!steps) return {};
  const words = model.embed(input("ids", [ids.shape[0], size("tokens")], "i64"));
  const { embeds } = await run({ embeds: words }, { ids });
  const { tokens, logits } = await greedy(engine, model, embeds, steps, mask);
  return { [`${prefix}greedy_tokens`]: tokens, [`${prefix}step_logits`]: logits };
}

/** How many tokens the reference decoded. */
function stepsOf(wanted: Reference["wanted"], prefix: string): number | undefined {
  return (wanted.get(`${prefix}greedy_tokens`) ?? wanted.get(`${prefix}step_logits`))?.[1];
}
