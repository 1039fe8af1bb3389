/** CLIP's vision tower: the published names at full size, and the published computation in loops. */
import { describe, expect, test } from "vitest";
import { input } from "../../src/graph/tensor.ts";
import { clip, clipConfig } from "../../src/models/clip.ts";
import { plain } from "../support/plain.ts";
import { clipStates, tinyClip } from "../support/plain-eyes.ts";
import { asked, clipLarge, clipLargeConfig, parameters } from "../support/published.ts";
import { run } from "../support/run.ts";
import { seeded } from "../support/seeded.ts";
import { drawn, floats, gap } from "../support/values.ts";

describe.each([
  [224, 303_179_776],
  [336, 303_507_456],
])("ViT-L/14 for %d pixels", (image_size, count) => {
  const c = clipConfig.parse({ ...clipLargeConfig, image_size });
  const shapes = asked((w) => clip(input("pixels", [1, 3, image_size, image_size]), w.vision_model, c));

  test("asks for the published weights in their shapes", () => {
    expect(shapes).toEqual(clipLarge("vision_model.", image_size / 14));
  });

  test("has the published 303 million parameters", () => {
    expect(parameters(shapes)).toBe(count);
  });
});

const tiny = clipConfig.parse({ ...tinyClip, image_size: 6 });

test.each([
  [6, 6],
  [4, 10],
])("an image of %d by %d pixels has the states of the computation in loops", async (height, width) => {
  const { w, values } = seeded();
  const image = drawn([1, 3, height, width], 99);
  const { states, pooled } = clip(input("image", image.shape), w, tiny);
  const graph = { pooled, ...Object.fromEntries(states.map((state, i) => [`state${i}`, state])) };
  const [found] = await run(graph, values(), () => ({ image: floats(image) }));
  const near = (name: string, expected: number[]): void =>
    expect(gap(found[name].data as Float32Array, expected)).toBeLessThan(1e-6);

  const weights = values();
  const expected = clipStates(image, tiny, weights, "");
  for (const [i, state] of expected.entries()) near(`state${i}`, state.flat());
  near("pooled", plain(weights).layerNorm(expected.at(-1)![0], "post_layernorm", 1e-5));
});

test("a config.json with another activation is refused", () => {
  const { error } = clipConfig.safeParse({ ...clipLargeConfig, hidden_act: "gelu" });
  expect(error?.issues.map(({ path }) => path.join("."))).toEqual(["hidden_act"]);
});
