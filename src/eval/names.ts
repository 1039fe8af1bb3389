/** Holding the names and shapes of TinyGPT-V's weights against those of the checkpoints that the authors' own classes make. */
import { z } from "zod";
import { RequestError } from "../errors.ts";
import { type TinyGptVFolder, tinyGptV } from "../models/tinygpt-v.ts";
import { checked, readJson } from "../run/models.ts";
import { outlineOf } from "../run/outline.ts";

/** keys.json: of each checkpoint the weights that are saved, each with its sides and its type, and how many tensors the model has in all. */
const keysFile = z.record(
  z.string(),
  z.object({ saved: z.record(z.string(), z.array(z.union([z.int(), z.string()]))), n_all: z.int() }),
);

/** The model whose classes were asked, as its README says: tiny, with three layers of Phi. */
const tiny: TinyGptVFolder = {
  model_type: "tinygpt_v",
  stage: 3,
  image_size: 56,
  vit: {
    img_size: 56,
    patch_size: 14,
    embed_dim: 32,
    depth: 3,
    num_heads: 4,
    mlp_hidden: 139,
    qkv_bias: true,
    layer_norm_eps: 1e-6,
  },
  qformer: {
    hidden_size: 32,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    intermediate_size: 64,
    hidden_act: "gelu",
    layer_norm_eps: 1e-12,
    encoder_width: 32,
    cross_attention_freq: 2,
    query_length: 32,
  },
  proj: [32, 4096, 64],
  llm: {
    model_type: "phi",
    vocab_size: 200,
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    partial_rotary_factor: 0.4,
    rope_theta: 10000,
    rope_scaling: null,
    max_position_embeddings: 2048,
    layer_norm_eps: 1e-5,
    hidden_act: "gelu_new",
    tie_word_embeddings: false,
  },
};

/** The one buffer among what they save, 0, 1, 2, …, which no computation reads. */
const buffer = "Qformer.bert.embeddings.position_ids";

/** Whole numbers of ours, missing where we have no such weight, and what they should be. */
export interface Told {
  readonly found: readonly number[] | undefined;
  readonly expected: readonly number[];
}

/** The shape of each saved weight, and of each checkpoint the number of its tensors; undefined of a folder without keys.json. Throws FormatError for
 *  another form of that file. */
export function namesIn(folder: string): Record<string, Told> | undefined {
  const file = `${folder}/keys.json`;
  const json = jsonOrNone(file);
  if (json === undefined) return undefined;
  const checkpoints = checked(keysFile, json, file);
  const rows = Object.entries(checkpoints).flatMap(([name, { saved, n_all }]): [string, Told][] => {
    const config = name.includes("no_lora") ? tiny : { ...tiny, lora: { r: 8, lora_alpha: 16 } };
    const { wanted } = outlineOf(tinyGptV(config));
    const keys = Object.entries(saved).filter(([key]) => key !== buffer);
    return [
      [`${name}: tensors`, { found: [wanted.size + 1], expected: [n_all] }],
      ...keys.map(([key, sides]): [string, Told] => {
        const expected = sides.filter((side) => typeof side === "number");
        return [`${name}: ${key}`, { found: wanted.get(key)?.shape, expected }];
      }),
    ];
  });
  return Object.fromEntries(rows);
}

function jsonOrNone(file: string): unknown {
  try {
    return readJson(file);
  } catch (error) {
    if (error instanceof RequestError && error.status === 404) return undefined;
    throw error;
  }
}
