/** The library call, against the build: a model in a thread of its own. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerRecord, ChatMessage, ChatOptions, Galago } from "../../src/index.ts";
import { built } from "../support/built.ts";
import { tinyModel } from "../support/tiny-model.ts";
import { golden } from "../vision/golden.ts";

const library = built("index.js").href;
const { load } = (await import(library)) as typeof import("../../src/index.ts");

const folder = mkdtempSync(join(tmpdir(), "galago-load-"));
const image = fileURLToPath(golden("resize/noise_33x47.png"));
const letter = 8 + 65;
// Distinct seeds write distinct babble; `always` says one letter without end, `ends` stops at once.
const babble = tinyModel(join(folder, "babble"));
const always = tinyModel(join(folder, "always"), { says: letter });
const ends = tinyModel(join(folder, "ends"), { says: 4 });

let model: Galago;
beforeAll(async () => {
  model = await load(babble, { threads: 1, tiles: "single" });
});
afterAll(async () => {
  await model.close();
  rmSync(folder, { recursive: true });
});

const ask = (text: string, ...images: unknown[]): ChatMessage[] => [
  {
    role: "user",
    content: [...images.map((image) => ({ type: "image", image }) as const), { type: "text", text }] as never,
  },
];

/** All pieces joined, and the record. */
async function whole(galago: Galago, messages: ChatMessage[], options?: ChatOptions): Promise<[string, AnswerRecord]> {
  const answer = galago.chat(messages, options);
  let text = "";
  for (;;) {
    const { done, value } = await answer.next();
    if (done) return [text, value];
    text += value.text;
  }
}

describe("an answer", () => {
  test("comes in pieces and ends with the record of ask --json", async () => {
    const messages = ask("What is the total?", image);
    const [text, record] = await whole(model, messages, { maxTokens: 20, tiles: "msac" });
    expect(record).toMatchObject({
      model: babble,
      question: "What is the total?",
      answer: text,
      images: [{ source: image, width: 33, height: 47, tiles: { detailed: [2, 3], adaptive: [2, 2], global: true } }],
      usage: { visual_tokens: 44, visual_tokens_kept: 44, completion_tokens: 20 },
      finish_reason: "length",
    });
    expect(record.images[0].scale).toBeCloseTo(Math.min(112 / 33, 168 / 47));
    expect(record.probability).toBeGreaterThan(0);
    expect(record.probability).toBeLessThan(1);
    expect(Object.keys(record.timing_ms)).toEqual(["load", "image", "encode", "compress", "prefill", "decode"]);
    expect(record.peak_rss_bytes).toBeGreaterThan(10_000_000);
  });

  test("SCM keeps half of the detailed tokens, and the prompt is shorter by the others", async () => {
    const [, all] = await whole(model, ask("?", image), { maxTokens: 1, tiles: "msac" });
    const [, { usage }] = await whole(model, ask("?", image), { maxTokens: 1, tiles: "msac", scm: 0.5 });
    expect(usage).toMatchObject({ visual_tokens: 44, visual_tokens_kept: 32 });
    expect(usage.prompt_tokens).toBe(all.usage.prompt_tokens - 12);
  });

  test("is the same for the same image as path, URL, bytes, Blob and pixels", async () => {
    const bytes = readFileSync(image);
    const { decoder } = await import("../../src/vision/decode.ts");
    const pixels = await decoder.decode(bytes);
    const rgba = new Uint8ClampedArray(pixels.width * pixels.height * 4).map((_, i) =>
      i % 4 === 3 ? 255 : pixels.data[Math.floor(i / 4) * 3 + (i % 4)],
    );
    const forms = [pathToFileURL(image), bytes, new Blob([bytes]), pixels, { ...pixels, data: rgba }];
    const [expected] = await whole(model, ask("?", image), { maxTokens: 12 });
    for (const form of forms) expect((await whole(model, ask("?", form), { maxTokens: 12 }))[0]).toBe(expected);
  });

  test("depends on each of two images, whose places are in order", async () => {
    const other = fileURLToPath(golden("resize/tiny_3x5.png"));
    const record = async (...images: string[]) => (await whole(model, ask("?", ...images), { maxTokens: 12 }))[1];
    const both = await record(image, other);
    expect(both.images.map(({ source }) => source)).toEqual([image, other]);
    expect(both.usage.visual_tokens).toBe(8);
    expect(both.probability).not.toBe((await record(other, image)).probability);
  });

  test("a second call loads nothing", async () => {
    await whole(model, ask("?"), { maxTokens: 1 });
    expect((await whole(model, ask("?"), { maxTokens: 1 }))[1].timing_ms.load).toBe(0);
  });

  test("endless repetition ends with the reason loop, a stop token with stop", async () => {
    const [endless, short] = await Promise.all([load(always, { threads: 1 }), load(ends, { threads: 1 })]);
    const [text, { finish_reason }] = await whole(endless, ask("?"));
    expect([finish_reason, text]).toEqual(["loop", "A".repeat(text.length)]);
    expect((await whole(short, ask("?")))[1]).toMatchObject({ finish_reason: "stop", answer: "", probability: null });
    await Promise.all([endless.close(), short.close()]);
  });

  test("questions asked at once are answered in order, none mixed with another", async () => {
    const ended: number[] = [];
    const texts = await Promise.all(
      [30, 5, 20].map(async (maxTokens, i) => {
        const [text] = await whole(model, ask(`question ${i}`), { maxTokens });
        ended.push(i);
        return text;
      }),
    );
    expect(ended).toEqual([0, 1, 2]);
    for (const [i, maxTokens] of [30, 5, 20].entries())
      expect((await whole(model, ask(`question ${i}`), { maxTokens }))[0]).toBe(texts[i]);
  });
});

test("a model loaded for a batch answers as many at once, each as alone", async () => {
  const galago = await load(babble, { threads: 1, tiles: "single", batch: 3 });
  const asked = Array.from({ length: 5 }, (_, i) => ask(`question ${i}`, ...(i % 2 ? [image] : [])));
  const ended: number[] = [];
  const found = await Promise.all(
    asked.map(async (messages, i) => {
      const [text] = await whole(galago, messages, { maxTokens: i === 0 ? 60 : 10 });
      ended.push(i);
      return text;
    }),
  );
  await galago.close();
  expect(ended[0]).not.toBe(0);
  for (const [i, messages] of asked.entries())
    expect((await whole(model, messages, { maxTokens: i === 0 ? 60 : 10 }))[0]).toBe(found[i]);
});

describe("the caller's event loop", () => {
  test("turns freely while an answer is written", async () => {
    let turns = 0;
    let longest = 0;
    let before = performance.now();
    const timer = setInterval(() => {
      turns++;
      longest = Math.max(longest, performance.now() - before);
      before = performance.now();
    }, 1);
    const [, { timing_ms }] = await whole(model, ask("?", image), { maxTokens: 1500, repetitionPenalty: 1.2 });
    clearInterval(timer);
    // On a blocked loop there would be a handful of turns, one after each stage.
    expect(turns).toBeGreaterThan(timing_ms.decode / 20);
    expect(longest).toBeLessThan(Math.max(200, timing_ms.decode / 2));
  });
});

describe("ending", () => {
  test("an aborted signal ends the answer with its own reason, and the next question is answered", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const answer = model.chat(ask("?"), { signal: stop.signal, maxTokens: 4000, repetitionPenalty: 1.2 });
    await answer.next();
    stop.abort(reason);
    await expect(answer.next()).rejects.toBe(reason);
    const [, { usage }] = await whole(model, ask("?"), { maxTokens: 3 });
    expect(usage.completion_tokens).toBe(3);
  });

  test("a signal that is already aborted asks nothing", async () => {
    await expect(model.chat(ask("?"), { signal: AbortSignal.abort("no") }).next()).rejects.toBe("no");
  });

  test("after leaving the loop the next question is answered", async () => {
    for await (const _ of model.chat(ask("?"), { maxTokens: 4000, repetitionPenalty: 1.2 })) break;
    const [, { usage }] = await whole(model, ask("?"), { maxTokens: 3 });
    expect(usage.completion_tokens).toBe(3);
  });

  test("close ends what is under way, and what comes after is told so", async () => {
    const galago = await load(babble, { threads: 1 });
    const answer = galago.chat(ask("?"), { maxTokens: 4000, repetitionPenalty: 1.2 });
    await answer.next();
    const ended = Promise.allSettled([
      (async () => {
        for (;;) if ((await answer.next()).done) return;
      })(),
    ]);
    await galago.close();
    expect((await ended)[0]).toMatchObject({ status: "rejected", reason: { message: /the model is closed/ } });
    await expect(galago.chat(ask("?")).next()).rejects.toThrow("the model is closed; load it again");
    await galago.close();
  });

  test.each([
    ["that is closed", "for await (const _ of say(3)); await model.close();", 0],
    ["that is idle", "for await (const _ of say(3));", 0],
    ["whose answer nobody reads to its end", "for await (const _ of say(4000)) break;", 0],
    ["that is in the middle of an answer, when it exits", "for await (const _ of say(4000)) process.exit(7);", 7],
  ])("a process ends cleanly with a model %s", (_, last, expected) => {
    const script = `import { load } from ${JSON.stringify(library)};
      const model = await load(${JSON.stringify(babble)}, { threads: 1 });
      const options = (maxTokens) => ({ maxTokens, repetitionPenalty: 1.2 });
      const say = (n) => model.chat([{ role: "user", content: "?" }], options(n));
      ${last}`;
    const words = ["--input-type=module", "--eval", script];
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, words, {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect([status, signal, stdout, stderr]).toEqual([expected, null, "", ""]);
  });
});

test.each([
  ["the same image", () => image],
  ["images that all differ", (i: number) => ({ data: new Uint8Array(3 * 40 * 40).fill(i), width: 40, height: 40 })],
])("200 questions about %s leave resident memory where 50 left it", async (_, imageOf) => {
  let asked = 0;
  const resident = async (questions: number): Promise<number> => {
    for (let i = 0; i < questions; i++)
      await whole(model, ask(`question ${i}`, imageOf(asked++)), {
        maxTokens: 8,
        tiles: "msac",
        scm: i % 2 ? 0.5 : "off",
      });
    return process.memoryUsage().rss;
  };
  const settled = await resident(50);
  const later = await resident(150);
  // Heaps of two threads breathe by some megabytes; a leak of one question's pixels and cache (0.5 MB) would be 75 MB.
  expect((later - settled) / 2 ** 20).toBeLessThan(30);
});

describe("errors cross the thread with their class and message", () => {
  const broken = (name: string, options: Parameters<typeof tinyModel>[1]) => tinyModel(join(folder, name), options);

  test.each([
    ["no model of that name", async () => load("smolvm"), "RequestError", /no model "smolvm"; there are/],
    [
      "an option out of range",
      async () => load(babble, { precision: "int3" }),
      "RequestError",
      /precision is "int3"; expected one of f32/,
    ],
    ["a ratio out of range", async () => load(babble, { scm: 2 }), "RequestError", /scm is 2; expected a ratio/],
    ["tiles of no kind", async () => load(babble, { tiles: "mosaic" }), "RequestError", /no tiling "mosaic"/],
    [
      "a weight left out",
      async () => load(broken("short", { spoil: (key, data) => (key.endsWith("norm.weight") ? null : data) })),
      "WeightError",
      /no weight "language_model\.model\.(layers\.0\.attention_)?norm\.weight"/,
    ],
    [
      "a configuration of another kind",
      async () => {
        const other = broken("other", {});
        const path = join(other, "config.json");
        writeFileSync(path, readFileSync(path, "utf8").replace('"silu"', '"relu"'));
        return load(other);
      },
      "FormatError",
      /config\.json: llm_config\.hidden_act: found "relu", expected "silu"/,
    ],
    [
      "a weight file cut short",
      async () => {
        const cut = broken("cut", {});
        const path = join(cut, "model.safetensors");
        writeFileSync(path, readFileSync(path).subarray(0, -100));
        return load(cut);
      },
      "FormatError",
      /model\.safetensors/,
    ],
    [
      "an unused weight",
      async () => {
        const changed = broken("unused", {});
        const path = join(changed, "config.json");
        writeFileSync(path, readFileSync(path, "utf8").replaceAll('"num_hidden_layers":2', '"num_hidden_layers":1'));
        return load(changed);
      },
      "WeightError",
      /leaves \d+ unused: /,
    ],
    ["a missing image", async () => whole(model, ask("?", "none.png")), "RequestError", /"none\.png": no such file/],
    [
      "a damaged image",
      async () => whole(model, ask("?", Uint8Array.of(1, 2, 3))),
      "FormatError",
      /"image 1": starts with 01 02 03/,
    ],
    [
      "pixels too few",
      async () => whole(model, ask("?", { data: new Uint8Array(5), width: 1, height: 1 })),
      "FormatError",
      /5 bytes for 1 x 1/,
    ],
    ["no image at all", async () => whole(model, ask("?", 7)), "RequestError", /"image 1" is no path, URL/],
    [
      "a place of its own beside an image",
      async () => whole(model, ask("<image>?", image)),
      "RequestError",
      /a text holds "<image>"/,
    ],
    ["no messages", async () => whole(model, []), "RequestError", /the last message is missing/],
    [
      "a role of no kind",
      async () => whole(model, [{ role: "robot" as "user", content: "?" }]),
      "RequestError",
      /role is "robot"/,
    ],
    [
      "temperature out of range",
      async () => whole(model, ask("?"), { temperature: -1 }),
      "RequestError",
      /temperature is -1/,
    ],
    [
      "too long a prompt",
      async () => whole(model, ask("long ".repeat(1000))),
      "RequestError",
      /prompt is \d+ tokens long, the model reads 4096/,
    ],
  ])("%s", async (_, act, name, message) => {
    await expect(act()).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
  });

  test("NaN among the weights is found and named", async () => {
    const spoil = (key: string, data: Float32Array) =>
      key.endsWith("layers.1.ffn_norm.weight") ? data.fill(Number.NaN, 3, 4) : data;
    const galago = await load(broken("nan", { spoil }), { threads: 1 });
    await expect(whole(galago, ask("?"))).rejects.toMatchObject({
      name: "WeightError",
      message: expect.stringMatching(/"language_model\.model\.layers\.1\.ffn_norm\.weight" holds NaN or infinity at 3/),
    });
    await galago.close();
  });
});
