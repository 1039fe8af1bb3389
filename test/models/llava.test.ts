/** LLaVA-1.5: the names of llava-hf's files at full size, and the published computation in loops. */
import { describe, expect, test } from "vitest";
import { llava, llavaConfig } from "../../src/models/llava.ts";
import { knownConfig, modelOf, readJson } from "../../src/run/models.ts";
import { plain } from "../support/plain.ts";
import { around, tinyLlama } from "../support/plain-decoder.ts";
import { clipStates, gelu, tinyClip } from "../support/plain-eyes.ts";
import { askedBy, biased, clipLarge, llamaShapes, parameters } from "../support/published.ts";
import { whole } from "../support/run.ts";
import { seeded } from "../support/seeded.ts";
import { drawn, gap } from "../support/values.ts";

const path = knownConfig("llava-1.5-7b");
const published = readJson(path) as Record<"text_config" | "vision_config", object>;

describe("LLaVA-1.5-7B", () => {
  const model = modelOf(published, path);
  const shapes = askedBy(model);

  test("asks for the published weights in their shapes, the last layer's too, which it does not run", () => {
    expect(shapes).toEqual({
      ...clipLarge("vision_tower.vision_model.", 24),
      ...biased("multi_modal_projector.linear_1", 4096, 1024),
      ...biased("multi_modal_projector.linear_2", 4096, 4096),
      ...llamaShapes("language_model.", { v: 32064, d: 4096, m: 11008, layers: 32, kv: 4096 }),
    });
  });

  test("has the published 7.06 billion parameters", () => {
    expect(parameters(shapes)).toBe(7_063_427_072);
  });

  test("makes 576 tokens of a tile of 336 pixels", () => {
    expect(model).toMatchObject({ tileSize: 336, tokensPerTile: 576, vocabulary: 32064, width: 4096, longest: 4096 });
  });

  test.each<[string, object]>([
    ["vision_feature_layer", { vision_feature_layer: -1 }],
    ["vision_feature_select_strategy", { vision_feature_select_strategy: "full" }],
    ["projector_hidden_act", { projector_hidden_act: "relu" }],
    ["text_config.model_type", { text_config: { ...published.text_config, model_type: "mistral" } }],
    ["vision_config.image_size", { vision_config: { ...published.vision_config, image_size: undefined } }],
  ])("with another %s is refused", (path, change) => {
    const { error } = llavaConfig.safeParse({ ...published, ...change });
    expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
});

test("a tiny one gives the tokens and logits of the computation in loops", async () => {
  const c = llavaConfig.parse({ ...published, vision_config: tinyClip, text_config: tinyLlama });
  const { w, values } = seeded();
  const image = drawn([1, 3, 4, 4], 99);
  const found = await whole(llava(c), w, values, image, [3, 0, -1, -1, -1, -1, 7, 12]);

  const weights = values();
  const { linear } = plain(weights);
  const seen = clipStates(image, c.vision_config, weights, "vision_tower.vision_model.").at(-2)!;
  const tokens = seen
    .slice(1)
    .map((x) => linear(x, "multi_modal_projector.linear_1").map(gelu))
    .map((x) => linear(x, "multi_modal_projector.linear_2"));
  expect(gap(found.tokens, tokens.flat())).toBeLessThan(1e-6);
  const expected = around(tokens, [3, 0], [7, 12], c.text_config, weights, "language_model.");
  expect(gap(found.logits, expected.flat())).toBeLessThan(1e-6);
});
