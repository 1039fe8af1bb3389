/** TinyGPT-V as a whole: from an image to an answer. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { input, iota } from "../../src/graph/tensor.ts";
import { merged } from "../../src/models/text-model.ts";
import { tinyGptLanguageModel, tinyGptSight, tinyGptV } from "../../src/models/tinygpt-v.ts";
import type { AnswerOptions, AnswerRecord } from "../../src/run/answer.ts";
import { type Model, openModel } from "../../src/run/model.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { parseTokenizer } from "../../src/text/tokenizer.ts";
import { decoder } from "../../src/vision/decode.ts";
import { resize } from "../../src/vision/resize.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { tinyGptConfig, tinyWhole } from "../support/tiny-model.ts";
import { golden } from "../vision/golden.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-tinygpt-v-"));
afterAll(() => rmSync(folder, { recursive: true }));
const image = fileURLToPath(golden("resize/noise_33x47.png"));
const { encode } = parseTokenizer(byteTokenizer(), "bytes");

async function record(model: Model, words: string, options: AnswerOptions = {}): Promise<AnswerRecord> {
  const question = { images: [{ name: "noise", image }], messages: [{ role: "user", content: words }] as const };
  const answer = model.answer(question, { maxTokens: 4, ...options });
  for (;;) {
    const { done, value } = await answer.next();
    if (done) return value;
  }
}

describe("stage 4", () => {
  const config = tinyGptConfig();
  const at = tinyWhole(join(folder, "stage4"), config);
  let model: Model;
  beforeAll(async () => {
    model = await openModel(at, { threads: 1 });
  });
  afterAll(() => model.close());
  const pieces = ["<s>[INST] <Img>", "</Img> What? [/INST]"].map(encode);

  test("the first word is that of one pass over pixels normalised as CLIP's and text spliced around them", async () => {
    const { data } = resize(await decoder.decode(readFileSync(image), { name: "noise" }), 56, 56);
    const [mean, deviation] = [
      [0.48145466, 0.4578275, 0.40821073],
      [0.26862954, 0.26130258, 0.27577711],
    ];
    const area = 56 * 56;
    const pixels = Float32Array.from({ length: 3 * area }, (_, i) => {
      const channel = Math.floor(i / area);
      return (data[3 * (i % area) + channel] / 255 - mean[channel]) / deviation[channel];
    });
    const ids = [...pieces[0], ...Array<number>(32).fill(-1), ...pieces[1]];

    const checkpoint = openCheckpoint(at);
    const w = weights(checkpoint);
    const language = tinyGptLanguageModel(w, config);
    const seen = tinyGptSight(input("pixels", [1, 3, 56, 56]), w, config).tokens.rearrange("1 q d -> q d");
    const x = merged(input("ids", [1, ids.length], "i64"), seen, -1, language);
    const states = language.states(x, { positions: iota(ids.length).reshape([1, ids.length]) });
    const session = await ortNode({ folder: at, threads: 1 }).open({ logits: language.head(states.at(-1)!) });
    const { logits } = await session.run({
      pixels: { dtype: "f32", shape: [1, 3, 56, 56], data: pixels },
      ids: { dtype: "i64", shape: [1, ids.length], data: BigInt64Array.from(ids, BigInt) },
    });
    await session.close();
    checkpoint.close();
    const last = Array.from((logits.data as Float32Array).slice(-264));
    const most = Math.max(...last);
    const sum = last.reduce((all, logit) => all + Math.exp(logit - most), 0);

    const { usage, probability } = await record(model, "What?", { maxTokens: 1 });
    expect(usage).toMatchObject({ prompt_tokens: ids.length, visual_tokens: 32, visual_tokens_kept: 32 });
    expect(probability).toBeCloseTo(1 / sum, 5);
  });

  test.each([
    ["single", "off", 32, 32],
    ["single", 0.5, 32, 16],
    ["dynamic:1..6", 0.25, 7 * 32, 2.5 * 32],
    ["msac", 0.5, 11 * 32, 8 * 32],
  ] as const)("%s with SCM %s sees %d tokens and keeps %d", async (tiles, scm, visual, kept) => {
    const { usage } = await record(model, "<image>\nWhat?", { tiles, scm });
    const text = pieces[0].length + pieces[1].length;
    expect(usage).toMatchObject({ visual_tokens: visual, visual_tokens_kept: kept, prompt_tokens: text + kept });
  });

  test("a task and a box are part of the question", async () => {
    const { usage, question } = await record(model, "<image>", { task: "identify", box: [0, 0, 33, 47] });
    const tail = "</Img> [identify] {<0><0><100><100>} [/INST]";
    expect(usage.prompt_tokens).toBe(pieces[0].length + 32 + encode(tail).length);
    expect(question).toBe("");
    await expect(record(model, "<image>", { task: "identify", box: [0, 0, 34, 47] })).rejects.toThrow(
      /box 0,0,34,47 is none of the 33 x 47 image/,
    );
  });
});

/** A model that says one byte, always. */
function saying(name: string, text: string, stage: 2 | 4): string {
  const [id] = encode(text);
  const spoil = (key: string, data: Float32Array) =>
    key.endsWith("lm_head.bias") ? data.fill(0).fill(1000, id, id + 1) : data;
  return tinyWhole(join(folder, name), tinyGptConfig({ stage }), { spoil });
}

test("an answer ends at ###, which is no part of it", async () => {
  const model = await openModel(saying("ends", "#", 4), { threads: 1 });
  const { answer, finish_reason, usage } = await record(model, "What?", { maxTokens: 9 });
  expect([answer, finish_reason, usage.completion_tokens]).toEqual(["", "stop", 3]);
  await model.close();
});

test("int8 finds the same words as likely, to a hundredth", async () => {
  const at = tinyWhole(join(folder, "bytes"), tinyGptConfig());
  const models = await Promise.all(["f32", "int8"].map((precision) => openModel(at, { threads: 1, precision })));
  const [exact, rounded] = await Promise.all(models.map((model) => record(model, "What?", { maxTokens: 1 })));
  expect(Math.abs(rounded.probability! - exact.probability!)).toBeLessThan(0.01);
  for (const model of models) await model.close();
});

test("the stages before are asked as a human asks an assistant", async () => {
  const model = await openModel(saying("stage2", "a", 2), { threads: 1 });
  const { answer, usage } = await record(model, "What?");
  const text =
    "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. Please answer my questions.###Human: <Img></Img> What?###Assistant: ";
  expect([answer, usage.prompt_tokens]).toEqual(["aaaa", encode(text).length + 32]);
  await model.close();
});

test("config.json may ask as the benchmarks do", () => {
  expect(tinyGptV(tinyGptConfig())).toMatchObject({ maxNewTokens: 500, repetitionPenalty: 1.05, tiles: "single" });
  expect(tinyGptV(tinyGptConfig({ stage: 1 }))).toMatchObject({ template: "tinygpt-v", maxNewTokens: 300 });
  const config = { template: "tinygpt-v-benchmark", max_new_tokens: 20, repetition_penalty: 1 };
  expect(tinyGptV(tinyGptConfig(config))).toMatchObject({
    template: "tinygpt-v-benchmark",
    maxNewTokens: 20,
    repetitionPenalty: 1,
  });
});
