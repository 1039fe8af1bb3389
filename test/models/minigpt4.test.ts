/** MiniGPT-4, and TinyGPT-V with CLIP's tower: BLIP-2's eyes at full size by name, and the published computation in loops. */
import { describe, expect, test } from "vitest";
import type { Value } from "../../src/graph/op.ts";
import { input } from "../../src/graph/tensor.ts";
import type { Blip2Config } from "../../src/models/blip2.ts";
import { type MiniGpt4Config, miniGpt4, miniGpt4Config } from "../../src/models/minigpt4.ts";
import { tinyGptSight, tinyGptVisionConfig } from "../../src/models/tinygpt-v.ts";
import { knownConfig, modelOf, readJson } from "../../src/run/models.ts";
import { plain, type Row } from "../support/plain.ts";
import { around, tinyLlama } from "../support/plain-decoder.ts";
import { clipStates, evaFeatures, queried, tinyClip } from "../support/plain-eyes.ts";
import {
  asked,
  askedBy,
  biased,
  clipLarge,
  clipLargeConfig,
  evaGiant,
  llamaShapes,
  parameters,
  qformerShapes,
} from "../support/published.ts";
import { run, whole } from "../support/run.ts";
import { seeded } from "../support/seeded.ts";
import { drawn, floats, gap } from "../support/values.ts";

const path = knownConfig("minigpt4-7b");
const published = readJson(path) as Record<"vit" | "qformer", object>;

describe("MiniGPT-4 of Vicuna-7B", () => {
  const model = modelOf(published, path);
  const shapes = askedBy(model);
  const count = (root: string): number =>
    parameters(Object.fromEntries(Object.entries(shapes).filter(([key]) => key.startsWith(root))));

  test("asks for the published weights in their shapes", () => {
    expect(shapes).toEqual({
      ...evaGiant,
      ...qformerShapes(1408),
      ...biased("llama_proj", 4096, 768),
      ...llamaShapes("llama_model.", { v: 32001, d: 4096, m: 11008, layers: 32, kv: 4096 }),
    });
  });

  test("has LLaMA-7B's 6,738,415,616 parameters, those of Vicuna's added token, and the 985.9 million of its tower", () => {
    expect(count("llama_model.")).toBe(6_738_415_616 + 2 * 4096);
    expect(count("visual_encoder.") / 1e6).toBeCloseTo(985.9, 0);
  });

  test("makes 32 tokens of a tile of 224 pixels", () => {
    expect(model).toMatchObject({ tileSize: 224, tokensPerTile: 32, vocabulary: 32001, width: 4096, longest: 2048 });
  });
});

test("TinyGPT-V with CLIP ViT-L/14 asks for CLIP's weights by their names, all of them", () => {
  const c = tinyGptVisionConfig.parse({
    vit: clipLargeConfig,
    qformer: { ...published.qformer, encoder_width: 1024 },
    proj: [768, 4096, 2560],
  });
  const shapes = asked((w) => tinyGptSight(input("pixels", [1, 3, 224, 224]), w, c));
  expect(shapes).toEqual({
    ...clipLarge("visual_encoder.vision_model.", 16),
    ...qformerShapes(1024),
    ...biased("llama_proj", 4096, 768),
    ...biased("llama_proj2", 2560, 4096),
  });
});

const tinyEva = {
  ...published.vit,
  img_size: 4,
  patch_size: 2,
  embed_dim: 12,
  depth: 2,
  num_heads: 3,
  mlp_hidden: 20,
};
const tinyQformer = {
  ...published.qformer,
  hidden_size: 8,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  intermediate_size: 12,
  encoder_width: 12,
  query_length: 3,
};

/** The queries of one image. */
function queriesOf(image: Value, { vit, qformer }: Blip2Config, weights: Record<string, Value>): Row[] {
  const features =
    vit.model_type === "clip_vision_model"
      ? clipStates(image, vit, weights, "visual_encoder.vision_model.").at(-2)!
      : evaFeatures(image, vit, weights, "visual_encoder.");
  const normed = features.map((x) => plain(weights).layerNorm(x, "ln_vision", 1e-5));
  return queried(normed, qformer, weights);
}

describe.each<[string, object]>([
  ["EVA's tower", tinyEva],
  ["CLIP's tower", tinyClip],
])("with %s", (_, vit) => {
  const c: MiniGpt4Config = miniGpt4Config.parse({
    model_type: "minigpt4",
    vit,
    qformer: tinyQformer,
    llm: tinyLlama,
  });
  const model = miniGpt4(c);

  test("a tiny MiniGPT-4 gives the tokens and logits of the computation in loops", async () => {
    const { w, values } = seeded();
    const image = drawn([1, 3, 4, 4], 99);
    const found = await whole(model, w, values, image, [3, 0, -1, -1, -1, 7, 12]);

    const weights = values();
    const tokens = queriesOf(image, c, weights).map((x) => plain(weights).linear(x, "llama_proj"));
    expect(gap(found.tokens, tokens.flat())).toBeLessThan(1e-6);

    const expected = around(tokens, [3, 0], [7, 12], c.llm, weights, "llama_model.");
    expect(gap(found.logits, expected.flat())).toBeLessThan(1e-6);
  });

  test("a tiny TinyGPT-V gives the tokens of the computation in loops", async () => {
    const { w, values } = seeded();
    const image = drawn([1, 3, 4, 4], 97);
    const sizes = tinyGptVisionConfig.parse({ vit, qformer: tinyQformer, proj: [8, 10, 14] });
    const { tokens } = tinyGptSight(input("image", image.shape), w, sizes);
    const [found] = await run({ tokens }, values(), () => ({ image: floats(image) }));

    const weights = values();
    const { linear } = plain(weights);
    const expected = queriesOf(image, sizes, weights).map((x) => linear(linear(x, "llama_proj"), "llama_proj2"));
    expect(gap(found.tokens.data as Float32Array, expected.flat())).toBeLessThan(1e-6);
  });
});
