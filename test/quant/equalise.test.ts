/** Scales that go from what is multiplied into the weights: which products bear them, and that nothing else changes. */
import { describe, expect, test } from "vitest";
import { type Outputs, paramsOf } from "../../src/graph/graph.ts";
import type { TextConfig } from "../../src/models/internlm2.ts";
import { scalesOf, sitesOf } from "../../src/quant/equalise.ts";
import { buffers } from "../../src/run/cache.ts";
import { languageGraph } from "../../src/run/language.ts";
import { modelOf } from "../../src/run/models.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { sightGraph } from "../../src/run/sight.ts";
import { formsOf } from "../../src/run/storing.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { kinds } from "../support/kinds.ts";
import { tinyConfig } from "../support/tiny-model.ts";
import { drawn, floats, gap, integers, value } from "../support/values.ts";

function graphsOf(config: object) {
  const w = weights(openEnded());
  const model = modelOf(config, "config.json");
  const graphs = { eyes: sightGraph(w, model), words: languageGraph(model.language(w)) };
  const keys = new Set(formsOf(graphs, "int8").keys());
  const sites = Object.values(graphs).flatMap((graph) => sitesOf(Object.values(graph), keys));
  return { model, graphs, keys, sites };
}

describe.each(kinds)("%s", (_, config) => {
  const { model, graphs, keys, sites } = graphsOf(config);

  test("has each product that is rounded at one site", () => {
    const products = sites.flatMap(({ products }) => products);
    const tables = [...keys].filter((key) => /embed_tokens|tok_embeddings/.test(key));
    expect(products.sort()).toEqual([...keys].filter((key) => !tables.includes(key)).sort());
  });

  test("computes the same with scales in every weight that bears them", async () => {
    const numbers = new Map(
      Object.values(graphs).flatMap((graph) =>
        [...paramsOf(graph)].map(([key, { shape }]) => {
          const size = 1 / Math.sqrt(shape.at(-1) as number);
          return [key, drawn(shape as number[], key.length, -size, size)] as const;
        }),
      ),
    );
    const plain = await results(graphs);
    const borne = sites.filter(({ divided }) => typeof divided !== "string");
    expect(borne.length).toBeGreaterThan(6);
    for (const { input, products, divided } of borne) {
      const m = input.shape.at(-1) as number;
      const scales = drawn([m], m, 0.2, 5).data;
      for (const key of products) {
        const { data } = numbers.get(key)!;
        for (let i = 0; i < data.length; i++) data[i] *= scales[i % m];
      }
      for (const { key, first } of divided as Exclude<typeof divided, string>) {
        const { shape, data } = numbers.get(key)!;
        const width = data.length / shape[0];
        for (let i = 0; i < m * width; i++) data[first * width + i] /= scales[Math.floor(i / width)];
      }
    }
    const scaled = await results(graphs);
    for (const [name, data] of Object.entries(plain)) expect(gap(scaled[name], data), name).toBeLessThan(1e-5);

    async function results({ eyes, words }: { eyes: Outputs; words: Outputs }): Promise<Record<string, Float32Array>> {
      const s = model.tileSize;
      const cache = buffers(words);
      cache.reserve(5);
      const found: Record<string, Float32Array> = {};
      for (const [graph, feeds] of [
        [eyes, { pixels: floats(drawn([1, 3, s, s], 1)) }],
        [
          words,
          {
            ids: integers(value([1, 5], -1, 20, 30, 40, 50)),
            positions: integers(value([1, 5], 0, 1, 2, 3, 4)),
            total: integers(value([1], 5)),
            features: floats(drawn([1, model.width], 2)),
            ...cache.feeds(0, 1),
          },
        ],
      ] as const) {
        const session = await ortNode({ threads: 1 }).open(graph);
        const given = Object.fromEntries([...paramsOf(graph).keys()].map((key) => [key, floats(numbers.get(key)!)]));
        const { features, logits } = await session.run({ ...given, ...feeds });
        await session.close();
        if (features) found.features = features.data as Float32Array;
        if (logits) found.logits = logits.data as Float32Array;
      }
      return found;
    }
  });
});

const { bias: _, ...llamaWords } = tinyConfig().llm_config as TextConfig;

test.each([
  [
    "Mini-Monkey",
    tinyConfig(),
    {
      "attn.qkv": "norm1.weight norm1.bias",
      "mlp.fc1": "norm2.weight norm2.bias",
      "feed_forward.w1": "ffn_norm.weight",
      "feed_forward.w2": "w3.weight",
      "attention.wqkv": "attention_norm.weight",
      "language_model.output": "model.norm.weight",
      "attn.proj": "no norm and no product stands in front of it",
      "mlp.fc2": "no norm and no product stands in front of it",
    },
  ],
  [
    "TinyGPT-V with adapters",
    kinds.find(([kind]) => kind === "TinyGPT-V with adapters")![1],
    {
      "blocks.0.attn.qkv": "norm1.weight norm1.bias",
      "layers.0.mlp.fc1": "input_layernorm.weight input_layernorm.bias",
      "layers.0.self_attn.query_key_value": "input_layernorm.weight input_layernorm.bias",
      "query_key_value.lora_B": "query_key_value.lora_A.weight",
      "crossattention.self.key": "ln_vision.weight ln_vision.bias",
      llama_proj2: "llama_proj.weight llama_proj.bias",
      "layer.0.attention.self.query": "something else reads its input",
    },
  ],
  [
    "InternVL with Phi-3",
    kinds.find(([kind]) => kind === "InternVL with Phi-3")![1],
    { "mlp.down_proj": "gate_up_proj.weight", "mlp.gate_up_proj": "post_attention_layernorm.weight" },
  ],
  [
    "a model whose head is its table",
    {
      ...tinyConfig(),
      llm_config: { ...llamaWords, model_type: "qwen2", tie_word_embeddings: true },
    },
    { embed_tokens: "its weight has another use" },
  ],
])("of %s it is known what stands in front of each product", (_, config, expected) => {
  const { sites } = graphsOf(config);
  for (const [product, front] of Object.entries(expected)) {
    const { divided } = sites.find(({ products }) => products.some((key) => key.endsWith(`${product}.weight`)))!;
    const found = typeof divided === "string" ? [divided] : divided.map(({ key }) => key);
    const ends = front.endsWith(".weight") || front.endsWith(".bias") ? front.split(" ") : [front];
    expect(found.length, product).toBe(ends.length);
    for (const [i, end] of ends.entries()) expect(found[i].endsWith(end), `${product}: ${found[i]}`).toBe(true);
  }
});

test("with a strength of 1/2 the channels of both sides are equally loud, with 0 nothing is scaled", () => {
  const [x, w] = [Float64Array.of(8, 2, 0.5), Float64Array.of(0.5, 2, 2)];
  const half = scalesOf(x, w, 0.5);
  for (const [j, s] of half.entries()) expect(x[j] / s).toBeCloseTo(w[j] * s, 12);
  expect(scalesOf(x, w, 0)).toEqual(Float64Array.of(1, 1, 1));
});

test("a channel that was silent counts with a hundredth of the others, and one without any weight is finite", () => {
  const scales = scalesOf(Float64Array.of(0, 3, 3), Float64Array.of(1, 1, 1), 1);
  expect(scales[0] / scales[1]).toBeCloseTo(0.01 * Math.sqrt(2 / 3), 12);
  expect(scalesOf(Float64Array.of(0, 0), Float64Array.of(0, 0), 0.5)).toEqual(Float64Array.of(1, 1));
});
