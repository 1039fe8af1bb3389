/** A TinyGPT-V trained on scenes: its words, its samples, and its stages, each of which moves what it should. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Random } from "../../src/data/random.ts";
import { sceneTruth } from "../../src/data/scene.ts";
import { described, sceneQuestion, sceneTasks } from "../../src/data/scene-talk.ts";
import { FormatError, RequestError } from "../../src/errors.ts";
import { openModel } from "../../src/run/model.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { promptIds } from "../../src/text/template.ts";
import { chatTemplate } from "../../src/text/templates.ts";
import { parseTokenizer } from "../../src/text/tokenizer.ts";
import { parseTrainConfig, type TrainConfig } from "../../src/train/config.ts";
import { feed } from "../../src/train/feed.ts";
import type { Metrics } from "../../src/train/loop.ts";
import { begins } from "../../src/train/losses.ts";
import { run } from "../../src/train/run.ts";
import { tokens } from "../../src/train/tokens.ts";
import { sceneTokenizer } from "../../src/train/vocabulary.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";

const folders: string[] = [];
const folder = (): string => {
  folders.push(mkdtempSync(join(tmpdir(), "galago-scenes-")));
  return folders.at(-1)!;
};
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true });
});

const model = {
  model_type: "tinygpt_v",
  stage: 4,
  image_size: 28,
  vit: {
    img_size: 28,
    patch_size: 14,
    embed_dim: 16,
    depth: 1,
    num_heads: 2,
    mlp_hidden: 32,
    qkv_bias: true,
    layer_norm_eps: 1e-6,
  },
  qformer: {
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 32,
    hidden_act: "gelu",
    layer_norm_eps: 1e-12,
    encoder_width: 16,
    cross_attention_freq: 2,
    query_length: 32,
  },
  proj: [16, 24, 16],
  llm: {
    model_type: "phi",
    vocab_size: 800,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    partial_rotary_factor: 0.5,
    rope_theta: 10000,
    rope_scaling: null,
    max_position_embeddings: 512,
    layer_norm_eps: 1e-5,
    hidden_act: "gelu_new",
    tie_word_embeddings: false,
  },
  lora: { r: 2, lora_alpha: 2 },
};
const shapes = [{ rows: 2, tokens: 160, tiles: 2 }];
const caption = [{ task: "caption" }];
const phase = { name: "all", steps: 2, lr: [1e-2, 1e-2], shapes, questions: 2, mixture: caption };
const configOf = (phases: readonly object[], changes: object = {}): TrainConfig =>
  parseTrainConfig({ out: folder(), model, phases, ...changes }, "scenes.yaml");

async function trained(config: TrainConfig): Promise<Metrics[]> {
  const lines: Metrics[] = [];
  const sample = feed(config, tokens(config).tokenizer);
  await run(config, ortNode({ threads: 1 }), { take: sample }, { onStep: (m) => lines.push(m) });
  return lines;
}

/** The keys whose weights differ between two model folders. */
function moved(a: string, b: string): string[] {
  const [before, after] = [a, b].map((path) => openCheckpoint(path));
  const keys = [...before.keys()].filter((key) => `${before.file(key).read(key)}` !== `${after.file(key).read(key)}`);
  before.close();
  after.close();
  return keys;
}

const json = sceneTokenizer(800);
const tokenizer = parseTokenizer(json, "tokenizer.json");

test("every word of a scene's description and of what is said of it is one token, and bytes make up the rest", () => {
  let [ids, characters] = [0, 0];
  for (let seed = 3000; seed < 3040; seed++) {
    const truth = sceneTruth(seed);
    for (const word of described(truth)) expect(tokenizer.encode(word), word).toHaveLength(1);
    for (const task of sceneTasks) {
      const asked = sceneQuestion(task, truth, new Random("test", seed));
      if (!asked) continue;
      expect(tokenizer.decode(tokenizer.encode(asked.answer))).toBe(asked.answer);
      ids += tokenizer.encode(asked.answer).length;
      characters += asked.answer.length;
    }
  }
  expect(ids).toBeLessThan(characters / 2);
  expect(tokenizer.decode(tokenizer.encode("Zürich, 1½ €"))).toBe("Zürich, 1½ €");
  expect(() => sceneTokenizer(300)).toThrow(FormatError);
});

test("a sample asks each question as the model is asked, and learns the answer with its end and nothing else", async () => {
  const config = configOf([{ ...phase, questions: 4, mixture: [{ task: "vqa" }, { task: "refer" }] }]);
  const sample = await feed(config, tokenizer)(0, 5);
  const placeholder = tokenizer.id("<IMG_CONTEXT>");
  const count = Math.max(...sample.segments);
  expect(count).toBeGreaterThan(1);
  for (let segment = 1; segment <= count; segment++) {
    const row = sample.ids.flatMap((id, i) =>
      [0, segment].includes(sample.segments[i])
        ? [{ id, target: sample.targets[i], position: sample.positions[i] }]
        : [],
    );
    expect(row.map(({ position }) => position)).toEqual(row.map((_, i) => i));
    const learned = row.filter(({ target }) => target >= 0).map(({ target }) => target);
    expect(tokenizer.decode(learned)).toMatch(/[^#]###$/);
    expect(row.slice(-learned.length).map(({ id }) => id)).toEqual(learned);
    const asked = tokenizer.spelled(row.slice(0, -learned.length).map(({ id }) => id));
    const question = /<\/Img> (.*) \[\/INST\]$/.exec(asked)![1];
    const options = { template: chatTemplate("tinygpt-v-stage4"), imageTokens: [32] };
    const prompt = promptIds(tokenizer, [{ role: "user", content: `<image>\n${question}` }], options);
    expect(row.slice(0, -learned.length).map(({ id }) => (id === placeholder ? -1 : id))).toEqual(prompt);
  }
});

test.each([
  ["llama_proj.weight", "llama_proj", true],
  ["llama_proj2.weight", "llama_proj.", false],
  ["a.layers.0.q_layernorm.weight", "a.*q_layernorm.weight", true],
  ["a.layers.0.q_layernorm.bias", "a.*q_layernorm.weight", false],
  ["b.layers.0.q_layernorm.weight", "a.*q_layernorm.weight", false],
  ["a.c.b", "a.*b*c", false],
])("%s begins as %s: %s", (key, pattern, expected) => {
  expect(begins(key, pattern)).toBe(expected);
});

test("phases move what they should: a tower, a language model from text alone, then what a stage learns, and each leaves its model", async () => {
  const stage = { lr: [1e-2, 1e-2], steps: 2, shapes, mixture: caption, questions: 1 };
  const config = configOf([
    { ...stage, name: "start", lr: [0, 0], steps: 1, words: 1, dense: 1 },
    { ...stage, name: "tower", answer: 0, dense: 1, words: 1 },
    { ...stage, name: "language", sight: "labels", frozen: ["llama_model.*lora_"] },
    { ...stage, name: "stage 1", learns: ["llama_proj", "llama_model.*post_layernorm.weight"] },
    { ...stage, name: "stage 2", steps: 3, learns: ["llama_model.*lora_"] },
  ]);
  const lines = await trained(config);
  expect(Object.keys(lines[0].parts).sort()).toEqual(["answer", "colours", "edges", "kinds", "ranks", "words"]);
  const phases = ["start", "tower", "language", "stage-1", "stage-2"].map((name) => join(config.out, "phases", name));
  expect(readdirSync(join(config.out, "phases"))).toHaveLength(phases.length);
  const parts = phases.slice(1).map((path, i) => [...new Set(moved(phases[i], path).map((key) => key.split(".")[0]))]);
  expect(parts[0].sort()).toEqual(["Qformer", "ln_vision", "query_tokens", "visual_encoder"]);
  expect(parts[1]).toEqual(["llama_model"]);
  expect(parts[2].sort()).toEqual(["llama_model", "llama_proj", "llama_proj2"]);
  const adapters = moved(phases[3], phases[4]);
  expect(adapters.length).toBeGreaterThan(0);
  expect(adapters.every((key) => key.includes("lora_"))).toBe(true);
  expect(moved(phases[2], phases[3]).filter((key) => key.startsWith("llama_model"))).toEqual([
    "llama_model.base_model.model.model.layers.0.post_layernorm.weight",
  ]);
  expect(moved(phases[4], join(config.out, "model"))).toEqual([]);
});

test("the losses of scenes fall, and what was trained answers a question about a picture", async () => {
  const config = configOf([
    { ...phase, steps: 60, words: 1, dense: 1, mixture: [{ task: "vqa" }, { task: "caption" }] },
  ]);
  const lines = await trained(config);
  const mean = (part: string, of: readonly Metrics[]): number =>
    of.reduce((sum, { parts }) => sum + parts[part], 0) / of.length;
  for (const [part, share] of [
    ["answer", 0.8],
    ["words", 0.8],
    ["colours", 0.95],
  ] as const)
    expect(mean(part, lines.slice(-10)), part).toBeLessThan(share * mean(part, lines.slice(0, 5)));
  const opened = await openModel(join(config.out, "model"), { threads: 1 });
  const image = { width: 40, height: 30, data: new Uint8Array(3600).fill(90) };
  const messages = [{ role: "user" as const, content: "What color is the background?" }];
  const answering = opened.answer({ images: [{ name: "grey", image }], messages }, { maxTokens: 4, temperature: 0 });
  for (;;) {
    const { done, value } = await answering.next();
    if (!done) continue;
    expect(value.usage).toMatchObject({ visual_tokens: 32 });
    expect(value.answer).not.toContain("#");
    break;
  }
  await opened.close();
});

test.each<[string, () => TrainConfig | Promise<unknown>, RegExp]>([
  [
    "pages for scenes",
    () => configOf([{ ...phase, mixture: [{ kind: "word" }] }]),
    /learns from the tasks of scenes alone/,
  ],
  ["a kind of question about pages", () => configOf([{ ...phase, asks: ["yesno"] }]), /asks is for pages/],
  ["where to look on pages", () => configOf([{ ...phase, look: 1 }]), /look is for pages/],
  ["a task nobody knows", () => configOf([{ ...phase, mixture: [{ task: "poem" }] }]), /task/],
  ["a kind and a task", () => configOf([{ ...phase, mixture: [{ kind: "word", task: "vqa" }] }]), /one of them only/],
  [
    "another number of queries",
    () => trained(configOf([phase], { model: { ...model, qformer: { ...model.qformer, query_length: 16 } } })),
    /query_length is 16; a scene is described in 32 words/,
  ],
  [
    "learning what there is not",
    () => trained(configOf([{ ...phase, learns: ["lama"] }])),
    /learns "lama" begins the name of no weight/,
  ],
])("%s is refused", async (_, make, message) => {
  const error = await Promise.resolve()
    .then(make)
    .catch((reason: unknown) => reason);
  expect([RequestError, FormatError].some((type) => error instanceof type)).toBe(true);
  expect((error as Error).message).toMatch(message);
});
