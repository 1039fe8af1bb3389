/** Vision towers and the Q-Former, written out in loops (transformers: modeling_clip; LAVIS: eva_vit, Qformer). */
import type { Value } from "../../src/graph/op.ts";
import type { ClipConfig } from "../../src/models/clip.ts";
import type { EvaConfig } from "../../src/models/eva-vit.ts";
import type { QFormerConfig } from "../../src/models/qformer.ts";
import { attended, plain, plus, type Row } from "./plain.ts";

/** `vision_config` of a CLIP of a few numbers. */
export const tinyClip = {
  model_type: "clip_vision_model",
  hidden_size: 12,
  intermediate_size: 20,
  num_hidden_layers: 3,
  num_attention_heads: 3,
  image_size: 4,
  patch_size: 2,
};

type Weighted = Readonly<Record<string, Value>>;

/** Hidden states of one image [1, 3, h, w]: of the normed embedding, then after each block. */
export function clipStates(image: Value, c: ClipConfig, weights: Weighted, root: string): Row[][] {
  const { row, linear, layerNorm } = plain(weights);
  const { hidden_size: d, layer_norm_eps: eps, patch_size: p } = c;
  const table = (i: number): Row => row(`${root}embeddings.position_embedding.weight`, i, d);
  const tokens = [
    row(`${root}embeddings.class_embedding`, 0, d),
    ...patchRows(image, p, `${root}embeddings.patch_embedding`, weights),
  ];
  const grid = positions(table, c.image_size / p, image.shape[2] / p, image.shape[3] / p);
  let x = tokens.map((token, i) => layerNorm(plus(token, grid[i]), `${root}pre_layrnorm`, eps));
  const states = [x];
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const own = `${root}encoder.layers.${i}`;
    const normed = x.map((token) => layerNorm(token, `${own}.layer_norm1`, eps));
    const [q, k, v] = ["q", "k", "v"].map((part) =>
      normed.map((token) => linear(token, `${own}.self_attn.${part}_proj`)),
    );
    const mixed = attended(q, k, v, c.num_attention_heads);
    x = x.map((token, t) => plus(token, linear(mixed[t], `${own}.self_attn.out_proj`)));
    x = x.map((token) => {
      const inner = linear(layerNorm(token, `${own}.layer_norm2`, eps), `${own}.mlp.fc1`);
      return plus(
        token,
        linear(
          inner.map((y) => y / (1 + Math.exp(-1.702 * y))),
          `${own}.mlp.fc2`,
        ),
      );
    });
    states.push(x);
  }
  return states;
}

/** The last block's features of one image [1, 3, h, w]. */
export function evaFeatures(image: Value, c: EvaConfig, weights: Weighted, root: string): Row[] {
  const { row, linear, layerNorm } = plain(weights);
  const { embed_dim: d, layer_norm_eps: eps, patch_size: p } = c;
  const table = (i: number): Row => row(`${root}pos_embed`, i, d);
  const tokens = [row(`${root}cls_token`, 0, d), ...patchRows(image, p, `${root}patch_embed.proj`, weights)];
  const grid = positions(table, c.img_size / p, image.shape[2] / p, image.shape[3] / p);
  let x = tokens.map((token, i) => plus(token, grid[i]));
  for (let i = 0; i < c.depth; i++) {
    const own = `${root}blocks.${i}`;
    const bias = [...row(`${own}.attn.q_bias`, 0, d), ...Array<number>(d).fill(0), ...row(`${own}.attn.v_bias`, 0, d)];
    const qkv = x.map((token) => plus(linear(layerNorm(token, `${own}.norm1`, eps), `${own}.attn.qkv`), bias));
    const [q, k, v] = [0, 1, 2].map((part) => qkv.map((y) => y.slice(part * d, (part + 1) * d)));
    const mixed = attended(q, k, v, c.num_heads);
    x = x.map((token, t) => plus(token, linear(mixed[t], `${own}.attn.proj`)));
    x = x.map((token) => {
      const inner = linear(layerNorm(token, `${own}.norm2`, eps), `${own}.mlp.fc1`).map(gelu);
      return plus(token, linear(inner, `${own}.mlp.fc2`));
    });
  }
  return x;
}

/** The queries that read features. */
export function queried(features: Row[], c: QFormerConfig, weights: Weighted): Row[] {
  const { row, linear, layerNorm } = plain(weights);
  const { hidden_size: d, layer_norm_eps: eps } = c;
  const root = "Qformer.bert.";
  let x = Array.from({ length: c.query_length }, (_, i) =>
    layerNorm(row("query_tokens", i, d), `${root}embeddings.LayerNorm`, eps),
  );
  const added = (y: Row[], own: string): Row[] =>
    x.map((query, i) => layerNorm(plus(query, linear(y[i], `${own}.dense`)), `${own}.LayerNorm`, eps));
  const attend = (to: Row[], own: string): Row[] => {
    const [q, k, v] = ["query", "key", "value"].map((part, i) =>
      (i ? to : x).map((token) => linear(token, `${own}.self.${part}`)),
    );
    return added(attended(q, k, v, c.num_attention_heads), `${own}.output`);
  };
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const own = `${root}encoder.layer.${i}`;
    x = attend(x, `${own}.attention`);
    if (i % c.cross_attention_freq === 0) x = attend(features, `${own}.crossattention`);
    x = added(
      x.map((query) => linear(query, `${own}.intermediate_query.dense`).map(gelu)),
      `${own}.output_query`,
    );
  }
  return x;
}

/** ½ x (1 + erf(x/√2)), the error function by its series. */
export function gelu(x: number): number {
  const z = x / Math.SQRT2;
  let [term, sum] = [z, z];
  for (let n = 1; Math.abs(term) > 1e-18; n++) {
    term *= (-z * z) / n;
    sum += term / (2 * n + 1);
  }
  return 0.5 * x * (1 + (2 / Math.sqrt(Math.PI)) * sum);
}

/** A strided convolution, patch by patch, row by row. */
function patchRows(
  { shape: [, channels, height, width], data }: Value,
  p: number,
  key: string,
  weights: Weighted,
): Row[] {
  const kernel = weights[`${key}.weight`];
  const bias = weights[`${key}.bias`]?.data;
  const rows: Row[] = [];
  for (let top = 0; top < height; top += p)
    for (let left = 0; left < width; left += p)
      rows.push(
        Array.from({ length: kernel.shape[0] }, (_, out) => {
          let y = bias ? bias[out] : 0;
          for (let c = 0; c < channels; c++)
            for (let i = 0; i < p; i++)
              for (let j = 0; j < p; j++)
                y +=
                  kernel.data[((out * channels + c) * p + i) * p + j] * data[(c * height + top + i) * width + left + j];
          return y;
        }),
      );
  return rows;
}

/** Position vectors of the class token and an h×w grid, by bicubic interpolation of a side×side one (A = −0.75, borders repeated). */
function positions(table: (i: number) => Row, side: number, h: number, w: number): Row[] {
  const weight = (t: number): number => {
    const [a, x] = [-0.75, Math.abs(t)];
    if (x < 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
    return x < 2 ? a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a : 0;
  };
  const inside = (i: number): number => Math.min(side - 1, Math.max(0, i));
  const rows = [table(0)];
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const [cy, cx] = [((y + 0.5) * side) / h - 0.5, ((x + 0.5) * side) / w - 0.5];
      let sum = table(0).map(() => 0);
      for (let i = Math.floor(cy) - 1; i <= Math.floor(cy) + 2; i++)
        for (let j = Math.floor(cx) - 1; j <= Math.floor(cx) + 2; j++) {
          const share = weight(cy - i) * weight(cx - j);
          sum = plus(
            sum,
            table(1 + inside(i) * side + inside(j)).map((v) => share * v),
          );
        }
      rows.push(sum);
    }
  return rows;
}
