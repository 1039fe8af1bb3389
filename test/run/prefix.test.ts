/** What was read for the last prompt is not read again: to the last bit, as if it had been. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/graph/engine.ts";
import { byteCache, floatCache } from "../../src/models/cache.ts";
import { internlm2 } from "../../src/models/internlm2.ts";
import { miniMonkey } from "../../src/models/mini-monkey.ts";
import type { AnswerOptions, AnswerRecord } from "../../src/run/answer.ts";
import { chunk, languageGraph, type VisualPromptIds } from "../../src/run/language.ts";
import { openModel } from "../../src/run/model.ts";
import { shared } from "../../src/run/prefix.ts";
import type { Message } from "../../src/text/template.ts";
import { openSeat } from "../support/language.ts";
import { reference } from "../support/reference.ts";
import { tinyModel } from "../support/tiny-model.ts";
import { drawn } from "../support/values.ts";

const root = mkdtempSync(join(tmpdir(), "galago-prefix-"));
afterAll(() => rmSync(root, { recursive: true }));

test.each([
  ["nothing before", [], [1, 2], 0],
  ["all of it", [1, "a 0"], [1, "a 0", 2], 2],
  ["up to another word", [1, 2, 3], [1, 4, 3], 1],
  ["up to another image", [1, "a 0", "a 1"], [1, "a 0", "b 1"], 2],
  ["up to what nobody knows", [1, undefined, 2], [1, undefined, 2], 1],
  ["no more than there is", [1, 2, 3], [1, 2], 2],
])("two prompts share %s", (_, before, now, expected) => {
  expect(shared(before, now)).toBe(expected);
});

const { config, w, engine } = reference("mini_monkey_e2e");
const model = miniMonkey(config);
const words = model.language(w);
const placeholder = 150;

/** A prompt of some words, an image, and more words; each image has features of its own. */
function prompt(image: string, visual: number, ...tail: number[]): VisualPromptIds {
  const ids = [1, 7, 9, ...Array<number>(visual).fill(placeholder), ...tail];
  const features = Float32Array.from(drawn([visual, model.width], image.charCodeAt(0)).data);
  return { ids, features, sources: Array.from({ length: visual }, (_, i) => `${image} ${i}`) };
}
const question = (seed: number, length: number): number[] =>
  Array.from({ length }, (_, i) => (seed * 31 + i * 7) % 140);

/** Counts the tokens that are read. */
function counting(engine: Engine, read: number[]): Engine {
  return {
    async open(graph) {
      const session = await engine.open(graph);
      return {
        run: (feeds) => {
          read.push(feeds.ids.shape[1]);
          return session.run(feeds);
        },
        close: () => session.close(),
      };
    },
  };
}

describe.each([
  ["floats", floatCache],
  ["bytes", byteCache],
])("a cache of %s", (_, cacheOf) => {
  const open = (engine: Engine) => openSeat(engine, languageGraph(words, cacheOf(words)), model, placeholder);

  /** Logits of a prompt and of two steps behind it. */
  const said = async (language: Awaited<ReturnType<typeof open>>, given: VisualPromptIds) => {
    const all = [await language.prefill(given), await language.step(9), await language.step(17)];
    return all.map((logits) => [...logits]);
  };

  test("gives each prompt the logits that it has alone, and reads only what is new, in whole pieces", async () => {
    const read: number[] = [];
    const language = await open(counting(engine, read));
    // Where nobody says what the image is, all is read anew.
    const fresh = await open(engine);
    const cases: [name: string, VisualPromptIds, reused: number][] = [
      ["the first", prompt("a", 400, ...question(1, 20)), 0],
      ["a second question about the same image", prompt("a", 400, ...question(2, 30)), 384],
      ["the same once more", prompt("a", 400, ...question(2, 30)), 384],
      ["a next turn", prompt("a", 400, ...question(2, 30), 9, 17, ...question(3, 300)), 384],
      ["a shorter one", prompt("a", 400, ...question(2, 30), 9), 384],
      ["another image in the same place", prompt("b", 400, ...question(2, 30)), 0],
      ["fewer tokens of the image", prompt("b", 200, ...question(2, 300)), 128],
      ["a prompt that ends with a piece", prompt("b", 200, ...question(2, 2 * chunk - 203)), 128],
      ["an image that nobody names", { ...prompt("b", 200, 5), sources: undefined }, 0],
      ["the same", { ...prompt("b", 200, 5), sources: undefined }, 0],
    ];
    for (const [name, given, reused] of cases) {
      read.length = 0;
      const found = await said(language, given);
      expect([name, language.reused]).toEqual([name, reused]);
      expect(read.reduce((sum, n) => sum + n, 0)).toBe(given.ids.length - reused + 2);
      expect(found, name).toEqual(await said(fresh, { ...given, sources: undefined }));
      expect(fresh.reused).toBe(0);
    }
    await Promise.all([language.close(), fresh.close()]);
  });
});

test("a text beyond the length from which positions stretch shares nothing with one of another length", async () => {
  const llm = { ...config.llm_config, rope_scaling: { type: "dynamic", factor: 2 }, max_position_embeddings: 300 };
  const steady = miniMonkey({ ...config, llm_config: llm } as typeof config);
  expect(steady.steady).toBe(300);
  const open = () => {
    const words = internlm2(w.language_model, llm as Parameters<typeof internlm2>[1]);
    return openSeat(engine, languageGraph(words), steady, placeholder);
  };
  const language = await open();
  for (const [length, reused] of [
    [250, 0],
    [280, 128],
    [400, 0],
    [290, 0],
    [295, 256],
  ]) {
    const given = { ids: question(1, length), features: new Float32Array() };
    const fresh = await open();
    expect([...(await language.prefill(given))]).toEqual([...(await fresh.prefill(given))]);
    expect([length, language.reused]).toEqual([length, reused]);
    await fresh.close();
  }
  await language.close();
});

describe("a model that is asked again", () => {
  const folder = tinyModel(join(root, "tiny"));
  const image = {
    name: "noise",
    image: { data: Uint8Array.from(drawn([60 * 40 * 3], 3, 0, 256).data), width: 60, height: 40 },
  };
  const other = { ...image, image: { ...image.image, data: image.image.data.map((byte) => 255 - byte) } };
  const options = { threads: 1, tiles: "msac:detailed=30..40,adaptive=3..7" };
  const first: Message = { role: "user", content: "<image>\nWhat is the total?" };

  async function ask(
    model: Awaited<ReturnType<typeof openModel>>,
    images: (typeof image)[],
    messages: Message[],
    asked: AnswerOptions = {},
  ): Promise<AnswerRecord> {
    const answer = model.answer({ images, messages }, { maxTokens: 12, ...asked });
    for (;;) {
      const { done, value } = await answer.next();
      if (done) return value;
    }
  }

  test.each([
    ["in f32", "f32", "off"],
    ["in int8", "int8", "off"],
    ["with SCM", "f32", 0.5],
    ["with SCM in int8", "int8", 0.5],
  ] as const)("%s answers as one that is asked for the first time", async (_, precision, scm) => {
    const model = await openModel(folder, { ...options, precision, scm });
    const { answer } = await ask(model, [image], [first]);
    const questions: [(typeof image)[], Message[], cached: number][] = [
      [[image], [{ role: "user", content: "<image>\nWho wrote this, and when?" }], chunk],
      [[image], [first, { role: "assistant", content: answer }, { role: "user", content: "Why?" }], chunk],
      [[other], [first], 0],
      [[image], [first], 0],
    ];
    for (const [images, messages, cached] of questions) {
      const again = await ask(model, images, messages);
      const fresh = await openModel(folder, { ...options, precision, scm });
      const alone = await ask(fresh, images, messages);
      expect([again.answer, again.probability]).toEqual([alone.answer, alone.probability]);
      expect([alone.usage.cached_tokens, { ...again.usage, cached_tokens: 0 }]).toEqual([0, alone.usage]);
      if (scm === "off") expect(again.usage.cached_tokens).toBe(cached);
      await fresh.close();
    }
    await model.close();
  });
});
