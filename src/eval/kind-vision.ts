/** References of the tower and of the connector behind it. */
import { fixed } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { connector, pixelShuffle } from "../models/connector.ts";
import { internVit, patchPositions, visionConfig } from "../models/intern-vit.ts";
import { miniMonkeyConfig, visualTokens } from "../models/mini-monkey.ts";
import type { Kind } from "./reference.ts";

/** InternViT: all states for every input pixel_values_SIZE [n, 3, h, w], and the positions of its grid. */
export const internVitStates: Kind = async ({ w, inputs, run, floats, config }) => {
  const c = config(visionConfig);
  const sizes = inputs.flatMap((name) => name.match(/^pixel_values(.*)$/)?.[1] ?? []);
  const results = sizes.map((size) => {
    const pixels = floats(`pixel_values${size}`);
    const states = internVit(input("pixels", pixels.shape), w, c);
    const last = states.at(-1)!;
    const [h, width] = pixels.shape.slice(2).map((side) => side / c.patch_size);
    const graph = {
      ...Object.fromEntries(states.map((state, i) => [`hidden_states_${i}${size}`, state])),
      [`last_hidden_state${size}`]: last,
      [`pooler_output${size}`]: classToken(last),
      [`pos_embed_${h}x${width}`]: patchPositions(h, width, w.embeddings, c),
    };
    return run(graph, { pixels });
  });
  return Object.assign({}, ...(await Promise.all(results)));
};

const classToken = (x: Tensor): Tensor => x.slice(1, 0, 1).rearrange("n 1 d -> n d");

/** Mini-Monkey's eyes: tower, pixel shuffle and MLP, with the shuffle as configured and in each of its versions. */
export const miniMonkeyVision: Kind = async ({ w, run, floats, config }) => {
  const c = config(miniMonkeyConfig);
  const pixels = floats("pixel_values");
  const last = internVit(input("pixels", pixels.shape), w.vision_model, c.vision_config).at(-1)!;
  const features = last.slice(1, 1, fixed(last.shape[1], "tower"));
  const shuffled = (version: "v1" | "v2"): Tensor => pixelShuffle(features, 1 / c.downsample_ratio, version);
  const tokens = (version: "v1" | "v2"): Tensor => connector(shuffled(version), w.mlp1, c.llm_config.hidden_size);
  const graph = {
    vit_last_hidden_state: last,
    pixel_shuffled: shuffled(c.ps_version),
    vit_embeds: visualTokens(features, w, c),
    vit_embeds_ps_v1: tokens("v1"),
    vit_embeds_ps_v2: tokens("v2"),
  };
  return run(graph, { pixels });
};
