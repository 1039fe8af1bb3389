/** TinyGPT-V's names and sizes, against the authors' constructors and the published counts; its numbers are in eval/verify.test.ts. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import type { Outputs } from "../../src/graph/graph.ts";
import { input, iota } from "../../src/graph/tensor.ts";
import { total } from "../../src/graph/value.ts";
import { imageSize } from "../../src/models/blip2.ts";
import { phi2 } from "../../src/models/phi2.ts";
import { attentionOf } from "../../src/models/text-model.ts";
import {
  type TinyGptVConfig,
  tinyGptLanguageModel,
  tinyGptSight,
  tinyGptVConfig,
  tinyGptVFolder,
} from "../../src/models/tinygpt-v.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { golden } from "../support/altered.ts";
import { drawn, value } from "../support/values.ts";

/** The shapes of all weights that a model asks for, by key. */
function shapes(c: TinyGptVConfig): Map<string, readonly number[]> {
  const source = openEnded();
  const w = weights(source);
  const side = imageSize(c);
  tinyGptSight(input("pixels", [1, 3, side, side]), w, c);
  const model = tinyGptLanguageModel(w, c);
  model.head(model.states(model.embed(input("ids", [1, 4], "i64")), { positions: iota(4).reshape([1, 4]) }).at(-1)!);
  return new Map([...source.wanted].map(([key, { shape }]) => [key, shape]));
}

const read = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

describe("at full size", () => {
  const path = new URL("../../configs/models/tinygpt-v.json", import.meta.url);
  const adapters = { lora: { r: 64, lora_alpha: 16 } };
  const published = tinyGptVFolder.parse({ ...(read(fileURLToPath(path)) as object), ...adapters });
  const count = (c: TinyGptVConfig, keys: RegExp): number =>
    [...shapes(c)].reduce((sum, [key, shape]) => sum + (keys.test(key) ? total(shape) : 0), 0);

  // Tyrannosaurus/TinyGPT-V holds 12 bytes for each weight that learns: 166 MB after stage 1, 544 MB after the others.
  const norms = /(q_layernorm|k_layernorm|input_layernorm|post_layernorm|final_layernorm)\.weight$|^llama_proj/;
  test.each([
    ["stage 1 learns", { ...published, lora: undefined }, norms, 13_809_664],
    ["stages 2 to 4 learn", published, new RegExp(`${norms.source}|lora_[AB]`), 45_266_944],
    ["the language model has", { ...published, lora: undefined }, /^llama_model/, 2_779_683_840 + 32 * (2560 + 4 * 80)],
  ])("%s as many weights as published", (_, config, keys, expected) => {
    expect(count(config, keys)).toBe(expected);
  });

  test("the tower has 985.9 million weights with 224-pixel positions", () => {
    expect(count(published, /^visual_encoder/) / 1e6).toBeCloseTo(985.9, 0);
  });
});

test("attention of a layer: each voter gives each head 1, to itself and what came before", () => {
  const c = { ...tinyGptVConfig.parse(read(`${golden("tinygptv_train")}/config.json`)).llm, vocab_size: 8 };
  const source = openEnded();
  const model = phi2(weights(source), c);
  const pass = { positions: iota(5).reshape([1, 5]) };
  const y = attentionOf(model, 1, input("x", [1, 5, 64]), input("voters", [2], "i64"), pass);
  const graph: Outputs = { y };
  const given = [...source.wanted].map(([key, { shape }], i) => [key, drawn(shape, i)] as const);
  const feeds = { x: drawn([1, 5, 64], 99), voters: value([2], 4, 2), ...Object.fromEntries(given) };
  const { shape, data } = evaluate(graph, feeds).y;
  expect(shape).toEqual([1, 4, 2, 5]);
  for (let head = 0; head < 4; head++)
    [5, 3].forEach((seen, voter) => {
      const votes = data.slice((head * 2 + voter) * 5, (head * 2 + voter + 1) * 5);
      expect(votes.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      expect(votes.slice(seen).every((vote) => vote === 0)).toBe(true);
      expect(votes.slice(0, seen).every((vote) => vote > 0)).toBe(true);
    });
});
