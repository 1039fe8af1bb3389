/** A model in this thread: what it does between an image and a prompt. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerOptions, AnswerRecord, SeenImage } from "../../src/run/answer.ts";
import type { NamedImage } from "../../src/run/images.ts";
import { type Model, openModel } from "../../src/run/model.ts";
import { tinyConfig, tinyModel } from "../support/tiny-model.ts";
import { golden } from "../vision/golden.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-model-"));
afterAll(() => rmSync(folder, { recursive: true }));
const image = fileURLToPath(golden("resize/noise_33x47.png"));
const images = [{ name: "noise", image }];
const messages = [{ role: "user", content: "<image>\nWhat?" }] as const;

async function record(model: Model, options: AnswerOptions = {}, given: NamedImage[] = images): Promise<AnswerRecord> {
  const answer = model.answer({ images: given, messages }, { maxTokens: 4, ...options });
  for (;;) {
    const { done, value } = await answer.next();
    if (done) return value;
  }
}

describe("one open model", () => {
  let model: Model;
  beforeAll(async () => {
    model = await openModel(tinyModel(join(folder, "tiny")), { threads: 1 });
  });
  afterAll(() => model.close());

  test.each([
    ["single", 0.5, 4, 2],
    ["dynamic:1..6", "off", 28, 28],
    ["dynamic:1..6", 0.25, 28, 10],
    ["msac", 0.5, 44, 32],
    ["msac:detailed=4..12,adaptive=3..7,order=demo", 0.5, 44, 32],
  ] as const)("%s with SCM %s sees %d tokens and keeps %d", async (tiles, scm, visual, kept) => {
    const { usage } = await record(model, { tiles, scm });
    expect(usage).toMatchObject({ visual_tokens: visual, visual_tokens_kept: kept });
  });

  test.each(["scm:0.5", "random:0.5", "divprune:0.5", "fastv:0.5"])(
    "compress %s stands in SCM's place",
    async (compress) => {
      const { usage } = await record(model, { tiles: "msac", compress });
      expect(usage).toMatchObject({ visual_tokens: 44, visual_tokens_kept: 32 });
    },
  );

  describe("skipBlank", () => {
    /** White, but for black dots in the tiles of 56 pixels that are named by column and row. */
    const dotted = (width: number, height: number, ...tiles: [number, number][]): NamedImage[] => {
      const data = new Uint8Array(3 * width * height).fill(255);
      for (const [column, row] of tiles)
        data
          .fill(0, 3 * ((56 * row + 28) * width + 56 * column + 28))
          .fill(255, 3 * ((56 * row + 28) * width + 56 * column + 30));
      return [{ name: "dots", image: { data, width, height } }];
    };

    test.each([
      [
        "leaves out the tiles that hold nothing",
        "native:1..12",
        "off",
        [
          [0, 0],
          [2, 1],
        ],
        2,
        2,
      ],
      ["leaves out none where all hold nothing", "native:1..12", "off", [], 6, 6],
      [
        "leaves compression the detailed tiles that are shown",
        "native:1..12",
        "scm:0.5",
        [
          [0, 0],
          [2, 1],
        ],
        2,
        1,
      ],
      [
        "is known of the global tile and of both grids",
        "msac:detailed=6..6,adaptive=3..7",
        "scm:0.5",
        [[0, 0]],
        3,
        2.5,
      ],
    ] as [string, string, string, [number, number][], number, number][])(
      "%s",
      async (_, tiles, compress, dots, shown, kept) => {
        const given = dotted(168, 112, ...dots);
        for (let again = 0; again < 2; again++) {
          const { usage, images } = await record(model, { tiles, compress, skipBlank: true }, given);
          expect(usage).toMatchObject({ visual_tokens: 4 * shown, visual_tokens_kept: 4 * kept });
          expect(images[0].tiles.detailed).toEqual([3, 2]);
        }
        expect((await record(model, { tiles, compress }, given)).usage.visual_tokens).toBeGreaterThanOrEqual(24);
      },
    );
  });

  describe("cells", () => {
    /** The images that pieces without text tell of, and the record. */
    async function overlay(options: AnswerOptions) {
      const answer = model.answer({ images, messages }, { maxTokens: 4, cells: true, tiles: "msac", ...options });
      const told: (readonly SeenImage[])[] = [];
      for (;;) {
        const { done, value } = await answer.next();
        if (done) return { told, record: value };
        if (value.images) told.push(value.images);
        else expect(told.length).toBeGreaterThan(0);
      }
    }
    const tokens = ({ cells }: SeenImage) =>
      cells!.reduce((sum, { kept, tokens: [c, r] }) => sum + (kept?.length ?? c * r), 0);

    test("are told before the first word, once where nothing is dropped", async () => {
      const { told, record } = await overlay({ scm: "off" });
      expect(told).toEqual([record.images]);
      expect(record.images[0].cells!.map(({ layer }) => layer)).toEqual([
        ...Array(6).fill("detailed"),
        ...Array(4).fill("adaptive"),
        "global",
      ]);
      expect(tokens(record.images[0])).toBe(44);
    });

    test.each(["scm:0.5", "divprune:0.25", "fastv:0.5"])("are told again with what %s keeps", async (compress) => {
      const { told, record } = await overlay({ compress });
      expect(told.map(([image]) => tokens(image))).toEqual([44, record.usage.visual_tokens_kept]);
      expect(told[1]).toEqual(record.images);
      const other = record.images[0].cells!.filter(({ layer }) => layer !== "detailed");
      expect(other.every(({ kept }) => kept === null)).toBe(true);
    });

    test("are the same of an image that is remembered, also where they end in gaps", async () => {
      for (const tiles of ["msac", "native:1..12"]) {
        const [first, again] = [await overlay({ tiles }), await overlay({ tiles })];
        expect(again.record.images).toEqual(first.record.images);
      }
    });

    test("are not told where they are not asked for", async () => {
      expect((await record(model)).images[0]).not.toHaveProperty("cells");
    });
  });

  test("logprobs sum to the probability of the answer", async () => {
    const { logprobs, log_probability, answer } = await record(model, { topLogprobs: 2, maxTokens: 8 });
    expect(logprobs!.reduce((sum, { logprob }) => sum + logprob, 0)).toBeCloseTo(log_probability, 4);
    expect(
      logprobs!
        .map(({ token }) => token)
        .join("")
        .trim(),
    ).toBe(answer);
    for (const { logprob, top_logprobs } of logprobs!) expect(top_logprobs[0].logprob).toBe(logprob);
    expect(await record(model)).not.toHaveProperty("logprobs");
  });

  test("scm and compress at once are refused, and what the answer asks for comes before what the model was opened with", async () => {
    await expect(record(model, { scm: 0.5, compress: "random:0.5" })).rejects.toThrow(
      'scm is 0.5 and compress "random:0.5"; expected one of the two',
    );
    const other = await openModel(join(folder, "tiny"), { threads: 1, tiles: "single", compress: "random:0.5" });
    expect((await record(other)).usage.visual_tokens_kept).toBe(2);
    expect((await record(other, { scm: "off" })).usage.visual_tokens_kept).toBe(4);
    await other.close();
  });

  test("an aborted signal ends it before the tower has seen anything", async () => {
    const reason = new Error("enough");
    const answer = model.answer({ images, messages }, {}, AbortSignal.abort(reason));
    await expect(answer.next()).rejects.toBe(reason);
  });

  test("the answer ends where the model's length ends", async () => {
    const config = { llm_config: { ...tinyConfig().llm_config, max_position_embeddings: 50 } };
    const short = await openModel(tinyModel(join(folder, "short"), { config, says: 80 }), { tiles: "single" });
    const { usage, finish_reason } = await record(short, { maxTokens: 500 });
    expect(finish_reason).toBe("length");
    // The last token is chosen, never read.
    expect(usage.prompt_tokens + usage.completion_tokens).toBe(51);
    await short.close();
  });
});

test("config.json's own tiles, ratio, system message and length hold where no option says otherwise", async () => {
  const config = { tiles: "dynamic:1..6", scm_ratio: 0.25, system_message: "Answer.", max_new_tokens: 3 };
  const model = await openModel(tinyModel(join(folder, "own"), { config, says: 80 }), { threads: 1 });
  const own = await record(model, { maxTokens: undefined });
  expect(own.usage).toMatchObject({ visual_tokens: 28, visual_tokens_kept: 10, completion_tokens: 3 });
  const plain = await openModel(tinyModel(join(folder, "plain"), { says: 80 }), {
    threads: 1,
    tiles: "dynamic:1..6",
    scm: 0.25,
  });
  const { usage } = await record(plain);
  // <|im_start|>, "system\n", the message, <|im_end|>.
  expect(own.usage.prompt_tokens - usage.prompt_tokens).toBe(1 + "system\nAnswer.".length + 1);
  await Promise.all([model.close(), plain.close()]);
});
