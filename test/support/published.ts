/** Names and shapes of published checkpoints, from their layouts and sizes, and those that a model asks for. */
import type { Multimodal } from "../../src/models/multimodal.ts";
import { languageGraph } from "../../src/run/language.ts";
import { sightGraph } from "../../src/run/sight.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { type Weights, weights } from "../../src/weights/path.ts";

/** Shapes by key. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** Every pattern behind a root, once for each layer where it has a `*`. */
function listed(root: string, layers: number, patterns: Shapes): Shapes {
  return Object.fromEntries(
    Object.entries(patterns).flatMap(([pattern, shape]) => {
      const numbers = pattern.includes("*") ? [...Array(layers).keys()] : [0];
      return numbers.map((i) => [root + pattern.replace("*", `${i}`), shape] as const);
    }),
  );
}

/** A linear layer or a norm with a bias: n outputs, or n elements. */
export const biased = (name: string, n: number, ...rest: number[]): Shapes => ({
  [`${name}.weight`]: [n, ...rest],
  [`${name}.bias`]: [n],
});

/** InternViT-300M and the MLP behind it, as InternVL names them. */
export const internVit300M = (width: number): Shapes => ({
  ...listed("vision_model.", 24, {
    "embeddings.class_embedding": [1, 1, 1024],
    ...biased("embeddings.patch_embedding", 1024, 3, 14, 14),
    "embeddings.position_embedding": [1, 1025, 1024],
    "encoder.layers.*.ls1": [1024],
    "encoder.layers.*.ls2": [1024],
    ...biased("encoder.layers.*.norm1", 1024),
    ...biased("encoder.layers.*.norm2", 1024),
    ...biased("encoder.layers.*.attn.qkv", 3072, 1024),
    ...biased("encoder.layers.*.attn.proj", 1024, 1024),
    ...biased("encoder.layers.*.mlp.fc1", 4096, 1024),
    ...biased("encoder.layers.*.mlp.fc2", 1024, 4096),
  }),
  ...biased("mlp1.0", 4096),
  ...biased("mlp1.1", width, 4096),
  ...biased("mlp1.3", width, width),
});

/** `vision_config` of openai/clip-vit-large-patch14, as far as the code reads it. */
export const clipLargeConfig = {
  model_type: "clip_vision_model",
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  image_size: 224,
  patch_size: 14,
};

/** CLIP's ViT-L with 14-pixel patches, for images of `side` patches a side, as transformers names it. */
export const clipLarge = (root: string, side: number): Shapes =>
  listed(root, 24, {
    "embeddings.class_embedding": [1024],
    "embeddings.patch_embedding.weight": [1024, 3, 14, 14],
    "embeddings.position_embedding.weight": [1 + side * side, 1024],
    ...biased("pre_layrnorm", 1024),
    ...biased("encoder.layers.*.layer_norm1", 1024),
    ...biased("encoder.layers.*.self_attn.q_proj", 1024, 1024),
    ...biased("encoder.layers.*.self_attn.k_proj", 1024, 1024),
    ...biased("encoder.layers.*.self_attn.v_proj", 1024, 1024),
    ...biased("encoder.layers.*.self_attn.out_proj", 1024, 1024),
    ...biased("encoder.layers.*.layer_norm2", 1024),
    ...biased("encoder.layers.*.mlp.fc1", 4096, 1024),
    ...biased("encoder.layers.*.mlp.fc2", 1024, 4096),
    ...biased("post_layernorm", 1024),
  });

/** EVA-CLIP's ViT-g for images of 16×16 patches, its norm and BLIP-2's Q-Former that reads features of a width. */
export const evaGiant: Shapes = listed("visual_encoder.", 39, {
  cls_token: [1, 1, 1408],
  pos_embed: [1, 257, 1408],
  ...biased("patch_embed.proj", 1408, 3, 14, 14),
  ...biased("blocks.*.norm1", 1408),
  "blocks.*.attn.q_bias": [1408],
  "blocks.*.attn.v_bias": [1408],
  "blocks.*.attn.qkv.weight": [4224, 1408],
  ...biased("blocks.*.attn.proj", 1408, 1408),
  ...biased("blocks.*.norm2", 1408),
  ...biased("blocks.*.mlp.fc1", 6144, 1408),
  ...biased("blocks.*.mlp.fc2", 1408, 6144),
});
export const qformerShapes = (width: number): Shapes => ({
  ...biased("ln_vision", width),
  query_tokens: [1, 32, 768],
  ...biased("Qformer.bert.embeddings.LayerNorm", 768),
  ...listed("Qformer.bert.encoder.layer.", 12, {
    ...biased("*.attention.self.query", 768, 768),
    ...biased("*.attention.self.key", 768, 768),
    ...biased("*.attention.self.value", 768, 768),
    ...biased("*.attention.output.dense", 768, 768),
    ...biased("*.attention.output.LayerNorm", 768),
    ...biased("*.intermediate_query.dense", 3072, 768),
    ...biased("*.output_query.dense", 768, 3072),
    ...biased("*.output_query.LayerNorm", 768),
  }),
  ...Object.assign(
    {},
    ...[0, 2, 4, 6, 8, 10].map((i) =>
      listed(`Qformer.bert.encoder.layer.${i}.crossattention.`, 1, {
        ...biased("self.query", 768, 768),
        ...biased("self.key", 768, width),
        ...biased("self.value", 768, width),
        ...biased("output.dense", 768, 768),
        ...biased("output.LayerNorm", 768),
      }),
    ),
  ),
});

/** Sizes of a language model: ids, width, width within the MLP, layers, length of all keys of a token. */
export interface Sizes {
  readonly v: number;
  readonly d: number;
  readonly m: number;
  readonly layers: number;
  readonly kv: number;
}

export const internlm2Shapes = (root: string, { v, d, m, layers, kv }: Sizes): Shapes =>
  listed(root, layers, {
    "model.tok_embeddings.weight": [v, d],
    "model.layers.*.attention.wqkv.weight": [d + 2 * kv, d],
    "model.layers.*.attention.wo.weight": [d, d],
    "model.layers.*.feed_forward.w1.weight": [m, d],
    "model.layers.*.feed_forward.w3.weight": [m, d],
    "model.layers.*.feed_forward.w2.weight": [d, m],
    "model.layers.*.attention_norm.weight": [d],
    "model.layers.*.ffn_norm.weight": [d],
    "model.norm.weight": [d],
    "output.weight": [v, d],
  });

/** What LLaMA, Qwen2 and Phi-3 share. */
const llamaLike = (v: number, d: number, m: number): Shapes => ({
  "model.embed_tokens.weight": [v, d],
  "model.layers.*.input_layernorm.weight": [d],
  "model.layers.*.self_attn.o_proj.weight": [d, d],
  "model.layers.*.post_attention_layernorm.weight": [d],
  "model.layers.*.mlp.down_proj.weight": [d, m],
  "model.norm.weight": [d],
  "lm_head.weight": [v, d],
});

export const llamaShapes = (root: string, { v, d, m, layers, kv }: Sizes): Shapes =>
  listed(root, layers, {
    ...llamaLike(v, d, m),
    "model.layers.*.self_attn.q_proj.weight": [d, d],
    "model.layers.*.self_attn.k_proj.weight": [kv, d],
    "model.layers.*.self_attn.v_proj.weight": [kv, d],
    "model.layers.*.mlp.gate_proj.weight": [m, d],
    "model.layers.*.mlp.up_proj.weight": [m, d],
  });

export const qwen2Shapes = (root: string, sizes: Sizes): Shapes => ({
  ...llamaShapes(root, sizes),
  ...listed(root, sizes.layers, {
    "model.layers.*.self_attn.q_proj.bias": [sizes.d],
    "model.layers.*.self_attn.k_proj.bias": [sizes.kv],
    "model.layers.*.self_attn.v_proj.bias": [sizes.kv],
  }),
});

export const phi3Shapes = (root: string, { v, d, m, layers, kv }: Sizes): Shapes =>
  listed(root, layers, {
    ...llamaLike(v, d, m),
    "model.layers.*.self_attn.qkv_proj.weight": [d + 2 * kv, d],
    "model.layers.*.mlp.gate_up_proj.weight": [2 * m, d],
  });

/** What a trace asks for. */
export function asked(trace: (w: Weights) => void): Shapes {
  const source = openEnded();
  trace(weights(source));
  return Object.fromEntries([...source.wanted].map(([key, { shape }]) => [key, [...shape]]));
}

/** What a whole model asks for. */
export const askedBy = (model: Multimodal): Shapes =>
  asked((w) => {
    sightGraph(w, model);
    languageGraph(model.language(w));
  });

/** The number of parameters. */
export const parameters = (shapes: Shapes): number =>
  Object.values(shapes).reduce((sum, shape) => sum + shape.reduce((n, d) => n * d, 1), 0);
