/** Every kind of whole model answers from a folder: through MSAC's tiles, with half of the detailed tokens, from its cache. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { input } from "../../src/graph/tensor.ts";
import { wholes } from "../../src/models/index.ts";
import type { TextConfig } from "../../src/models/internlm2.ts";
import { languageGraph } from "../../src/run/language.ts";
import { openModel } from "../../src/run/model.ts";
import { readModel } from "../../src/run/models.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { openSeat } from "../support/language.ts";
import { tinyClip } from "../support/plain-eyes.ts";
import { tinyConfig, tinyWhole } from "../support/tiny-model.ts";
import { gap, integers, value } from "../support/values.ts";
import { golden } from "../vision/golden.ts";

const root = mkdtempSync(join(tmpdir(), "galago-wholes-"));
afterAll(() => rmSync(root, { recursive: true }));

const internvl = { ...tinyConfig() };
const { bias: _, ...words } = internvl.llm_config as TextConfig;
const clip = { ...tinyClip, hidden_size: 24, num_attention_heads: 2, image_size: 56, patch_size: 14 };
const eva = {
  img_size: 56,
  patch_size: 14,
  embed_dim: 24,
  depth: 2,
  num_heads: 2,
  mlp_hidden: 32,
  qkv_bias: true,
  layer_norm_eps: 1e-6,
};
const qformer = {
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  hidden_act: "gelu",
  layer_norm_eps: 1e-12,
  encoder_width: 24,
  cross_attention_freq: 2,
  query_length: 4,
};
const usage = { template: "internlm2-chat", system_message: "" };
const miniGpt4 = { model_type: "minigpt4", qformer, llm: { ...words, model_type: "llama" }, ...usage };
const phi = {
  model_type: "phi",
  vocab_size: 264,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  partial_rotary_factor: 0.5,
  rope_theta: 10000,
  rope_scaling: null,
  max_position_embeddings: 4096,
  layer_norm_eps: 1e-5,
  hidden_act: "gelu_new",
  tie_word_embeddings: false,
};
const tinyGptV = { model_type: "tinygpt_v", stage: 4, image_size: 56, qformer, proj: [16, 20, 32], llm: phi, ...usage };
const factors = [1, 2, 3, 4];

/** A tile is 4 tokens, or 16 of LLaVA, which joins none. */
const kinds: [kind: string, config: Record<string, unknown>, perTile: number][] = [
  ["InternVL with InternLM2", internvl, 4],
  [
    "InternVL with Qwen2",
    {
      ...internvl,
      llm_config: { ...words, model_type: "qwen2", rope_scaling: { type: "dynamic", factor: 2 } },
    },
    4,
  ],
  [
    "InternVL with Phi-3",
    {
      ...internvl,
      llm_config: {
        ...words,
        model_type: "phi3",
        // Behind the first of the pieces in which the prompt below is read, all of which turn as the whole does.
        original_max_position_embeddings: 520,
        rope_scaling: { type: "su", short_factor: factors, long_factor: factors.map((x) => 4 * x) },
      },
    },
    4,
  ],
  [
    "LLaVA",
    {
      model_type: "llava",
      vision_config: clip,
      text_config: { ...words, model_type: "llama" },
      projector_hidden_act: "gelu",
      vision_feature_layer: -2,
      vision_feature_select_strategy: "default",
      ...usage,
    },
    16,
  ],
  ["MiniGPT-4", { ...miniGpt4, vit: eva }, 4],
  ["MiniGPT-4 with CLIP's tower", { ...miniGpt4, vit: clip }, 4],
  ["TinyGPT-V", { ...tinyGptV, vit: eva }, 4],
  ["TinyGPT-V with adapters", { ...tinyGptV, vit: eva, lora: { r: 2, lora_alpha: 1 } }, 4],
  ["TinyGPT-V with CLIP's tower", { ...tinyGptV, vit: clip }, 4],
];

test("every entry of the list of models is among the kinds", () => {
  expect(new Set(kinds.map(([, { model_type }]) => model_type))).toEqual(new Set(Object.keys(wholes)));
});

describe.each(kinds)("%s", (kind, config, perTile) => {
  const folder = tinyWhole(join(root, kind), config);

  test("answers with MSAC and SCM", async () => {
    const model = await openModel(folder, { threads: 1, tiles: "msac", scm: 0.5 });
    const images = [{ name: "noise", image: fileURLToPath(golden("resize/noise_33x47.png")) }];
    const messages = [{ role: "user", content: "<image>\nWhat?" }] as const;
    const answering = model.answer({ images, messages }, { maxTokens: 4 });
    let step = await answering.next();
    while (!step.done) step = await answering.next();
    await model.close();
    // 6 detailed tiles, of which half the tokens stay, 4 adaptive ones and a global.
    expect(step.value.usage).toMatchObject({ visual_tokens: 11 * perTile, visual_tokens_kept: 8 * perTile });
    expect(step.value.probability).toBeGreaterThan(0);
  });

  test("reads a prompt in pieces, and a token behind it, as without a cache", async () => {
    const engine = ortNode({ folder, threads: 1 });
    const checkpoint = openCheckpoint(folder);
    const whole = readModel(folder);
    const model = whole.language(weights(checkpoint));
    const ids = Array.from({ length: 600 }, (_, i) => 8 + ((7 * i) % 250));
    const language = await openSeat(engine, languageGraph(model), whole, -1);
    const found = [await language.prefill({ ids, features: new Float32Array() }), await language.step(9)];
    await language.close();

    const all = [...ids, 9];
    for (const [i, n] of [600, 601].entries()) {
      const pass = { positions: input("positions", [1, n], "i64") };
      const last = model.states(model.embed(input("ids", [1, n], "i64")), pass).at(-1)!;
      const session = await engine.open({ logits: model.head(last.slice(1, n - 1, n)) });
      const feed = (numbers: Iterable<number>) => integers(value([1, n], ...numbers));
      const { logits } = await session.run({ ids: feed(all.slice(0, n)), positions: feed(Array(n).keys()) });
      expect(gap(found[i], logits.data as Float32Array)).toBeLessThan(2e-5);
      await session.close();
    }
    checkpoint.close();
  });
});
