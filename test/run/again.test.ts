/** Answers that are trusted too little are asked for again through other tiles; the surest counts. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { type Spoken, surest } from "../../src/run/again.ts";
import type { AnswerRecord, Piece } from "../../src/run/answer.ts";
import { unreadable } from "../../src/run/confidence.ts";
import type { Generated } from "../../src/run/generate.ts";
import { type Model, openModel } from "../../src/run/model.ts";

/** What one look says, how probable it is, and whether it is trusted, trusted too little or not at all. */
type Look = readonly [answer: string, logP: number, trust: "sure" | "unsure" | "doubted"];

const usage = { prompt_tokens: 100, cached_tokens: 1, visual_tokens: 64, visual_tokens_kept: 64, completion_tokens: 5 };
const timing_ms = { load: 0, image: 1, encode: 2, compress: 0, prefill: 3, decode: 4 };

async function asked(looks: readonly Look[], cells = false) {
  const seen: (string | undefined)[] = [];
  async function* speak(tiles?: string): AsyncGenerator<Piece, Spoken> {
    const [answer, logP, trust] = looks[seen.length];
    seen.push(tiles);
    const images = cells ? [{ source: answer, cells: [] }] : [];
    if (cells) yield { text: "", images: images as never };
    if (trust === "sure") yield { text: answer };
    const record = {
      answer,
      log_probability: logP,
      guess: trust === "doubted" ? answer : null,
      usage,
      timing_ms,
      images,
    };
    const withheld = trust === "sure" ? undefined : { text: answer };
    return { record: record as never as AnswerRecord, made: {} as Generated, unsure: trust !== "sure", withheld };
  }
  const answering = surest(speak, ["a", "b"]);
  const pieces: Piece[] = [];
  for (;;) {
    const { done, value } = await answering.next();
    if (done) return { seen, pieces, record: value.record };
    pieces.push(value);
  }
}

describe("a second look", () => {
  test.each<[string, Look[], string[], string, number]>([
    ["is not taken where the first is sure", [["12.50", -0.1, "sure"]], ["12.50"], "12.50", 1],
    [
      "counts where it is surer",
      [
        ["1.50", -0.9, "unsure"],
        ["12.50", -0.1, "sure"],
      ],
      ["12.50"],
      "12.50",
      2,
    ],
    [
      "does not count where it is less sure",
      [
        ["12.50", -0.9, "unsure"],
        ["1.50", -2, "doubted"],
        ["2.50", -3, "doubted"],
      ],
      ["12.50"],
      "12.50",
      3,
    ],
    [
      "that is not trusted either leaves the answer unread",
      [
        ["12", -3, "doubted"],
        ["15", -2.5, "doubted"],
        ["18", -4, "doubted"],
      ],
      [unreadable],
      "15",
      3,
    ],
  ])("%s", async (_, looks, texts, answer, count) => {
    const { seen, pieces, record } = await asked(looks);
    expect(pieces.map(({ text }) => text)).toEqual(texts);
    expect(record.answer).toBe(answer);
    expect(seen).toEqual([undefined, "a", "b"].slice(0, count));
    expect(record.usage).toEqual({
      ...usage,
      prompt_tokens: 100 * count,
      cached_tokens: count,
      completion_tokens: 5 * count,
    });
    expect(record.timing_ms).toMatchObject({ encode: 2 * count, decode: 4 * count });
  });

  test("tells at last how the image was seen by the look that counts", async () => {
    const looks: Look[] = [
      ["first", -0.9, "unsure"],
      ["second", -2, "unsure"],
      ["third", -3, "unsure"],
    ];
    const { pieces } = await asked(looks, true);
    const sources = pieces.flatMap(({ images = [] }) => images.map(({ source }) => source));
    expect(sources).toEqual(["first", "second", "third", "first"]);
  });
});

describe("nano, if it trusts nothing", () => {
  const again = "print:1..12,letter=16";
  const question = "What is the total?";
  const images = [{ name: "receipt", image: readFileSync("examples/receipt.png") }];

  async function opened(tiles_again: string[]): Promise<Model> {
    const folder = mkdtempSync(join(tmpdir(), "galago-again-"));
    cpSync("models/nano", folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    const confidence = { scale: 1, bias: -100, least: 0 };
    writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, confidence, tiles_again }));
    const model = await openModel(folder);
    onTestFinished(() => model.close());
    return model;
  }

  async function answer(model: Model, tiles?: string, schema?: object): Promise<AnswerRecord> {
    const answering = model.answer(
      { images, messages: [{ role: "user", content: question }] },
      {
        temperature: 0,
        tiles,
        schema,
      },
    );
    for (;;) {
      const { done, value } = await answering.next();
      if (done) return value;
    }
  }

  test("gives the surer of its two looks, and tiles that are chosen are the only ones", async () => {
    const model = await opened([again]);
    const best = await answer(model);
    const [first, second] = [await answer(model, "print:1..12"), await answer(model, again)];
    expect(first.log_probability).not.toBe(second.log_probability);
    expect(best.log_probability).toBeCloseTo(Math.max(first.log_probability, second.log_probability), 4);
    expect(best.usage.prompt_tokens).toBe(first.usage.prompt_tokens + second.usage.prompt_tokens);
  });

  test("looks twice for every value that it is asked to take out", async () => {
    const schema = { type: "object", properties: { total: { type: "string" }, date: { type: "string" } } };
    const [once, twice] = [
      await answer(await opened([]), undefined, schema),
      await answer(await opened([again]), undefined, schema),
    ];
    expect(twice.usage.prompt_tokens).toBeGreaterThan(1.9 * once.usage.prompt_tokens);
    expect(twice.log_probability).toBeGreaterThanOrEqual(once.log_probability - 1e-4);
  });

  test("is refused with tiles that there are not", async () => {
    await expect(opened(["mosaic"])).rejects.toThrow(RequestError);
  });
});
