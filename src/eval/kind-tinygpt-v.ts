/** References of TinyGPT-V: its tower, its Q-Former, both together, answers, and its training loss. */
import { z } from "zod";
import type { Values } from "../graph/engine.ts";
import { input, iota, type Tensor } from "../graph/tensor.ts";
import { evaConfig, evaPositions, evaVit } from "../models/eva-vit.ts";
import { qformer, qformerConfig } from "../models/qformer.ts";
import { merged } from "../models/text-model.ts";
import {
  type TinyGptVConfig,
  tinyGptLanguageModel,
  tinyGptSight,
  tinyGptVConfig,
  tinyGptVisionConfig,
} from "../models/tinygpt-v.ts";
import { crossEntropy } from "../train/losses.ts";
import type { Weights } from "../weights/path.ts";
import { greedy, whole } from "./greedy.ts";
import { gradientsOf, targetsOf } from "./kind-train.ts";
import type { Kind, Reference } from "./reference.ts";

/** EVA: for every input image_SIZE [n, 3, h, w] the states after each block, the last of them, and the positions. */
export const evaVitStates: Kind = async ({ w, inputs, run, floats, config }) => {
  const c = config(evaConfig);
  const sizes = inputs.flatMap((name) => name.match(/^image_(.*)$/)?.[1] ?? []);
  const results = sizes.map((size) => {
    const pixels = floats(`image_${size}`);
    const states = evaVit(input("pixels", pixels.shape), w, c);
    const [h, width] = pixels.shape.slice(2).map((side) => side / c.patch_size);
    const graph = {
      ...Object.fromEntries(states.map((state, i) => [`block_${i}_${size}`, state])),
      [`features_${size}`]: states.at(-1)!,
      [`pos_embed_${size}`]: evaPositions(h, width, w, c),
    };
    return run(graph, { pixels });
  });
  return Object.assign({}, ...(await Promise.all(results)));
};

/** Q-Former. Input: image_embeds [n, t, encoder width]. */
export const qformerStates: Kind = async ({ w, run, floats, config }) => {
  const image = floats("image_embeds");
  const states = qformer(input("image", image.shape), w, config(qformerConfig));
  const named = Object.fromEntries(states.map((state, i) => [`hidden_states_${i}`, state]));
  return run({ ...named, last_hidden_state: states.at(-1)! }, { image });
};

/** From pixels to tokens. Input: image [n, 3, s, s]. */
export const tinyGptVision: Kind = async ({ w, run, floats, config }) => {
  const pixels = floats("image");
  const { features, queries, tokens } = tinyGptSight(input("pixels", pixels.shape), w, config(tinyGptVisionConfig));
  return run({ ln_vision_out: features, qformer_out: queries, image_tokens: tokens }, { pixels });
};

/** Where an image's tokens stand in a row of ids, and where nothing does. */
const [visual, nothing] = [-1, -2];

/** Prompts of a batch, each with an image in its text, padded on the left, answered greedily. Inputs: image [b, 3, s, s], textI_segJ_ids. */
export const tinyGptEndToEnd: Kind = async (reference) => {
  const { w, engine, wanted, run, floats, config } = reference;
  const c = config(tinyGptVConfig);
  const pixels = floats("image");
  const prompts = [...Array(pixels.shape[0]).keys()].map((i) => promptOf(reference, `text${i}_`, c));
  const t = Math.max(...prompts.map((ids) => ids.length));
  const rows = prompts.map((ids) => [...Array<number>(t - ids.length).fill(nothing), ...ids]);
  const ids = whole(rows);
  const x = embeddings(input("ids", ids.shape, "i64"), w, c, pixels.shape);
  const { embeds } = await run({ embeds: x }, { pixels, ids });
  const mask = whole(rows.map((row) => row.map((id) => (id === nothing ? 0 : 1))));
  const steps = wanted.get("greedy_tokens")?.[1] ?? 0;
  const { tokens, logits } = await greedy(engine, tinyGptLanguageModel(w, c), embeds, steps, mask);
  return { attention_mask: mask, inputs_embeds: embeds, greedy_tokens: tokens, step_logits: logits };
};

/** The ids of a prompt: its only piece of text, or its pieces with an image between them. */
function promptOf({ inputs, ids }: Reference, stem: string, c: TinyGptVConfig): number[] {
  const piece = (name: string): number[] => Array.from(ids(name).data, Number);
  if (inputs.includes(`${stem}ids`)) return piece(`${stem}ids`);
  return [
    ...piece(`${stem}seg0_ids`),
    ...Array<number>(c.qformer.query_length).fill(visual),
    ...piece(`${stem}seg1_ids`),
  ];
}

/** The embeddings of rows of ids, zero where nothing stands; images, where there are any, are the input `pixels`. */
function embeddings(ids: Tensor, w: Weights, c: TinyGptVConfig, pixels?: readonly number[]): Tensor {
  const model = tinyGptLanguageModel(w, c);
  const seen = pixels && tinyGptSight(input("pixels", pixels), w, c).tokens.rearrange("n q d -> (n q) d");
  const x = seen ? merged(ids, seen, visual, model) : model.embed(ids);
  return x.mul(ids.equal(nothing).apply("not").cast("f32").rearrange("b t -> b t 1"));
}

const training = z.object({ max_txt_len: z.int().positive(), bos_id: z.int(), pad_id: z.int() });

/** A prompt and what follows it: answers, which are learned, and the questions between them. */
interface Sample {
  prompt: number[];
  chain: { ids: readonly number[]; learned: boolean }[];
}

/** The loss of prompts with an image and an answer. Inputs: image, textI_segJ_ids, answerI_ids. */
export const tinyGptTrain: Kind = (reference) =>
  trained(
    reference,
    "",
    samplesOf(reference, (i) => [`text${i}_`, [`answer${i}_ids`]]),
    reference.floats("image"),
  );

/** The losses of conversations about an image, and of text alone. Inputs: conv_image, convI_prompt_segJ_ids, convI_answerJ_ids, convI_questionJ_ids;
 *  textI_prompt_ids, textI_answer_ids. */
export const tinyGptConversation: Kind = async (reference) => {
  const turns = (i: number): string[] =>
    reference.inputs
      .filter((name) => name.startsWith(`conv${i}_`) && /(answer|question)\d+_ids$/.test(name))
      .sort((a, b) => place(a) - place(b));
  const talks = samplesOf(reference, (i) => [`conv${i}_prompt_`, turns(i)]);
  const texts = samplesOf(reference, (i) => [`text${i}_prompt_`, [`text${i}_answer_ids`]]);
  return {
    ...(await trained(reference, "conv_", talks, reference.floats("conv_image"))),
    ...(await trained(reference, "text_", texts)),
  };
};

/** Answer 0, question 1, answer 1, … */
const place = (name: string): number => 2 * Number(name.match(/\d+(?=_ids$)/)![0]) + (name.includes("answer") ? 1 : 0);

/** Samples 0, 1, … as long as there are inputs: the stem of the prompt's names, and the names of what follows. */
function samplesOf(reference: Reference, names: (i: number) => [prompt: string, chain: string[]]): Sample[] {
  const { inputs, ids, config } = reference;
  const samples: Sample[] = [];
  for (let i = 0; ; i++) {
    const [prompt, chain] = names(i);
    if (!inputs.some((name) => name.startsWith(prompt))) return samples;
    samples.push({
      prompt: promptOf(reference, prompt, config(tinyGptVConfig)),
      chain: chain.map((name) => ({ ids: Array.from(ids(name).data, Number), learned: name.includes("answer") })),
    });
  }
}

/** Begin, prompt, chain, the chain's padding, the prompt's padding (MiniGPTBase.forward). The chain is cut as a whole, and its mask hides every id
 *  that equals the padding, the begin of a later question among them. */
async function trained(
  reference: Reference,
  prefix: string,
  samples: readonly Sample[],
  pixels?: Values,
): Promise<Record<string, Values>> {
  const { w, run, config } = reference;
  const c = config(tinyGptVConfig);
  const { max_txt_len, bos_id, pad_id } = config(training);
  const rows = samples.map(({ prompt, chain }) => {
    const tail = chain.flatMap(({ ids, learned }) => ids.map((id) => ({ id, learned }))).slice(0, max_txt_len);
    return {
      ids: [bos_id, ...prompt, ...tail.map(({ id }) => id)],
      mask: [...Array<number>(1 + prompt.length).fill(1), ...tail.map(({ id }) => (id === pad_id ? 0 : 1))],
      labels: [
        ...Array<number>(1 + prompt.length).fill(-100),
        ...tail.map(({ id, learned }) => (learned && id !== pad_id ? id : -100)),
      ],
    };
  });
  const longest = (of: (i: number) => number): number => Math.max(...samples.map((_, i) => of(i)));
  const prompts = longest((i) => samples[i].prompt.length);
  const length = 1 + prompts + longest((i) => rows[i].ids.length - 1 - samples[i].prompt.length);
  const padded = (row: number[], value: number): number[] => [
    ...row,
    ...Array<number>(length - row.length).fill(value),
  ];
  const ids = whole(rows.map((row) => padded(row.ids, pad_id)));
  const mask = whole(rows.map((row) => padded(row.mask, 0)));
  const labels = whole(rows.map((row) => padded(row.labels, -100)));

  const model = tinyGptLanguageModel(w, c);
  const given = (name: string): Tensor => input(name, ids.shape, "i64");
  const x = embeddings(given("ids"), w, c, pixels?.shape);
  const pass = {
    positions: iota(length).reshape([1, length]).expand(ids.shape),
    segments: given("segments"),
  };
  const loss = crossEntropy(model.head(model.states(x, pass).at(-1)!), given("targets"));
  const graph = {
    [`${prefix}loss`]: loss,
    [`${prefix}inputs_embeds`]: x,
    ...gradientsOf(reference, loss, prefix),
  };
  const segments = { ...mask, data: mask.data.map((seen) => seen - 1n) };
  const found = await run(graph, { ...(pixels && { pixels }), ids, segments, targets: targetsOf(labels) });
  return { ...found, [`${prefix}attention_mask`]: mask, [`${prefix}labels`]: labels };
}
