/** The published InternVL models with InternViT-300M: their config.json asks for the weights that their files hold. */
import { describe, expect, test } from "vitest";
import { knownConfig, modelOf, readJson } from "../../src/run/models.ts";
import {
  askedBy,
  internlm2Shapes,
  internVit300M,
  parameters,
  phi3Shapes,
  qwen2Shapes,
  type Shapes,
  type Sizes,
} from "../support/published.ts";

const internlm2 = { v: 92553, d: 2048, m: 8192, layers: 24, kv: 1024 };
const internlm2Large = { v: 92553, d: 4096, m: 14336, layers: 32, kv: 1024 };
const qwen2 = (v: number): Sizes => ({ v, d: 896, m: 4864, layers: 24, kv: 128 });
const qwen2Large = { v: 151674, d: 1536, m: 8960, layers: 28, kv: 256 };
const phi3 = { v: 32020, d: 3072, m: 8192, layers: 32, kv: 3072 };

const endless = Number.POSITIVE_INFINITY;
/**
 * Sizes as the config.json of the language model at the place named by the hub has them; the number of ids is that with InternVL's added tokens. The
 * parameters are their sum, which is the model size of the card to three places: 938M, 2.21B, 4.15B, 8.08B, 938M, 2.21B, 938M, 2.09B.
 * Seen in full: InternVL2_5-2B (also the InternVL2 form of InternLM2), InternVL3-1B; in part: InternVL2-1B, InternVL2-4B,
 * InternVL2_5-1B, InternVL2_5-8B (whose language model is that of InternVL2-8B). InternVL3-2B is InternVL3-1B with Qwen2.5-1.5B's sizes. Phi-3's factors were
 * published in two versions; InternVL2-4B is older than the second.
 */
const models: [name: string, (root: string, sizes: Sizes) => Shapes, Sizes, parameters: number, longest: number][] = [
  ["internvl2-1b", qwen2Shapes, qwen2(151655), 938_158_976, 32768],
  ["internvl2-2b", internlm2Shapes, internlm2, 2_205_754_368, endless],
  ["internvl2-4b", phi3Shapes, phi3, 4_146_855_936, 131072],
  ["internvl2-8b", internlm2Shapes, internlm2Large, 8_075_365_376, endless],
  ["internvl2.5-1b", qwen2Shapes, qwen2(151674), 938_193_024, 32768],
  ["internvl2.5-2b", internlm2Shapes, internlm2, 2_205_754_368, endless],
  ["internvl3-1b", qwen2Shapes, qwen2(151674), 938_193_024, endless],
  ["internvl3-2b", qwen2Shapes, qwen2Large, 2_088_957_440, endless],
];

describe.each(models)("%s", (name, shapesOf, sizes, count, longest) => {
  const path = knownConfig(name);
  const model = modelOf(readJson(path), path);
  const shapes = askedBy(model);

  test("asks for the published weights in their shapes", () => {
    expect(shapes).toEqual({ ...internVit300M(sizes.d), ...shapesOf("language_model.", sizes) });
    expect(parameters(shapes)).toBe(count);
  });

  test("makes 256 tokens of a tile of 448 pixels and reads as many as its positions reach", () => {
    expect(model).toMatchObject({ tileSize: 448, tokensPerTile: 256, vocabulary: sizes.v, width: sizes.d, longest });
  });
});

test("InternVL2-4B asks for as many weights as its index lists", () => {
  const path = knownConfig("internvl2-4b");
  expect(Object.keys(askedBy(modelOf(readJson(path), path)))).toHaveLength(541);
});
