/** Answers that are trusted too little are asked for again through other tiles; the surest counts. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { EngineError, RequestError } from "../../src/errors.ts";
import { type Spoken, surest } from "../../src/run/again.ts";
import type { AnswerRecord, Piece } from "../../src/run/answer.ts";
import { unreadable } from "../../src/run/confidence.ts";
import type { Generated } from "../../src/run/generate.ts";
import { type Model, openModel } from "../../src/run/model.ts";

/** What one look says, how probable it is, and how it ends: trusted and shown at once, shown at once although it is not (it is long), trusted too little to be shown,
 *  or not at all; cut; the same view as before; an error. */
type Look = readonly [
  answer: string,
  logP: number,
  end: "sure" | "long" | "unsure" | "doubted" | "cut" | "seen" | Error,
];

const timing_ms = { load: 0, image: 1, encode: 2, compress: 0, prefill: 3, decode: 4 };

async function asked(
  looks: readonly Look[],
  { cells = false, signal }: { cells?: boolean; signal?: AbortSignal } = {},
) {
  const seen: (string | undefined)[] = [];
  async function* look(tiles?: string): AsyncGenerator<Piece, Spoken | undefined> {
    const [answer, logP, end] = looks[seen.length];
    seen.push(tiles);
    if (end instanceof Error) throw end;
    if (end === "seen") return undefined;
    const images = cells ? [{ source: answer, cells: [] }] : [];
    if (cells) yield { text: "", images: images as never };
    const shown = end === "sure" || end === "long";
    if (shown) for (const text of answer.split(/(?= )/)) yield { text };
    const record = {
      answer,
      log_probability: logP,
      finish_reason: end === "cut" ? "length" : "stop",
      guess: end === "doubted" ? answer : null,
      usage: { prompt_tokens: 100 * seen.length },
      timing_ms,
      images,
      peak_rss_bytes: seen.length,
    };
    return {
      record: record as never as AnswerRecord,
      made: { ids: [...answer] } as never as Generated,
      unsure: !shown,
      withheld: shown ? undefined : { text: answer },
    };
  }
  const answering = surest(look, ["a", "b"], signal);
  const pieces: Piece[] = [];
  for (;;) {
    const { done, value } = await answering.next();
    if (done) return { seen, pieces, record: value.record };
    pieces.push(value);
  }
}

const sentence = "a text that no look takes back once it is said";

describe("a second look", () => {
  test.each<[string, Look[], string, number, number]>([
    ["is not taken where the first is sure", [["12.50", -0.1, "sure"]], "12.50", 1, 1],
    [
      "counts where it is surer",
      [
        ["1.50", -0.9, "unsure"],
        ["12.50", -0.1, "sure"],
      ],
      "12.50",
      2,
      2,
    ],
    [
      "does not count where it is less sure",
      [
        ["12.50", -0.9, "unsure"],
        ["1.50", -2, "doubted"],
        ["2.50", -3, "doubted"],
      ],
      "12.50",
      1,
      3,
    ],
    [
      "that is not trusted either leaves the answer unread",
      [
        ["12", -3, "doubted"],
        ["15", -2.5, "doubted"],
        ["18", -4, "doubted"],
      ],
      unreadable,
      2,
      3,
    ],
    [
      "that says nothing is no answer",
      [
        ["12", -3, "unsure"],
        ["", 0, "unsure"],
        ["18", -4, "unsure"],
      ],
      "12",
      1,
      3,
    ],
    [
      "that was cut is no answer",
      [
        ["12", -3, "unsure"],
        ["125", -1, "cut"],
        ["18", -4, "unsure"],
      ],
      "12",
      1,
      3,
    ],
    [
      "at what was seen before is none",
      [
        ["12", -3, "unsure"],
        ["", 0, "seen"],
        ["18", -1, "unsure"],
      ],
      "18",
      3,
      2,
    ],
    [
      "that there is no room for is none",
      [
        ["12", -3, "unsure"],
        ["", 0, new RequestError("the prompt is too long")],
        ["18", -4, "unsure"],
      ],
      "12",
      1,
      2,
    ],
    [
      "that becomes long is not shown before it counts",
      [
        ["12", -3, "unsure"],
        [sentence, -9, "long"],
        ["18", -4, "unsure"],
      ],
      "12",
      1,
      3,
    ],
    [
      "that is long is shown where it counts",
      [
        ["12", -3, "unsure"],
        [sentence, -1, "long"],
      ],
      sentence,
      2,
      2,
    ],
  ])("%s", async (_, looks, said, counts, spoken) => {
    const { seen, pieces, record } = await asked(looks);
    expect(pieces.map(({ text }) => text).join("")).toBe(said);
    expect(record.answer).toBe(looks[counts - 1][0]);
    expect(seen).toEqual([undefined, "a", "b"].slice(0, looks.length));
    // The tokens are those of the look that counts, the time is that of all.
    expect(record.usage.prompt_tokens).toBe(100 * counts);
    expect(record.timing_ms).toMatchObject({ encode: 2 * spoken, decode: 4 * spoken });
  });

  test("tells at last how the image was seen by the look that counts", async () => {
    const looks: Look[] = [
      ["first", -0.9, "unsure"],
      ["second", -2, "unsure"],
      ["third", -3, "unsure"],
    ];
    const { pieces } = await asked(looks, { cells: true });
    const sources = pieces.flatMap(({ images = [] }) => images.map(({ source }) => source));
    expect(sources).toEqual(["first", "second", "third", "first"]);
  });

  test("ends the answer where it fails, or nobody waits for it", async () => {
    const failing: Look[] = [
      ["12", -3, "unsure"],
      ["", 0, new EngineError("no more memory")],
    ];
    await expect(asked(failing)).rejects.toThrow("no more memory");
    const left: Look[] = [
      ["12", -3, "unsure"],
      ["", 0, new RequestError("the server is closed")],
    ];
    await expect(asked(left, { signal: AbortSignal.abort(new Error("left")) })).rejects.toThrow("left");
  });
});

describe("nano, if it trusts nothing", () => {
  const again = "print:1..12,letter=16";
  const question = "What is the total?";
  const images = [{ name: "receipt", image: readFileSync("examples/receipt.png") }];

  async function opened(tiles_again: string[], confidence = { scale: 1, bias: -100, least: 0 }): Promise<Model> {
    const folder = mkdtempSync(join(tmpdir(), "galago-again-"));
    cpSync("models/nano", folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
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
    const counts = first.log_probability > second.log_probability ? first : second;
    expect(best).toMatchObject({ answer: counts.answer, images: counts.images });
    expect(best.usage.visual_tokens).toBe(counts.usage.visual_tokens);
  });

  test("looks twice for every value that it is asked to take out, each time from the beginning of what it is held to", async () => {
    const properties = {
      total: { type: "number" },
      paid: { type: "boolean", description: "Was it paid in cash?" },
      currency: { enum: ["EUR", "USD"], description: "What is the currency?" },
      date: { type: "string" },
    };
    const schema = { type: "object", properties, required: Object.keys(properties) };
    const model = await opened([again]);
    const best = await answer(model, undefined, schema);
    const [first, second] = [await answer(model, "print:1..12", schema), await answer(model, again, schema)];
    const values = ({ fields }: AnswerRecord): unknown[] => fields!.map(({ value }) => value);
    for (const [i, value] of values(best).entries()) expect([values(first)[i], values(second)[i]]).toContain(value);
    expect(best.log_probability).toBeGreaterThan(Math.max(first.log_probability, second.log_probability) - 1e-4);
  });

  test("says that it cannot read what it trusts less than config.json asks, however much that is", async () => {
    const record = await answer(await opened([again], { scale: 0, bias: 4, least: 0.99 }));
    expect(record).toMatchObject({ answer: unreadable, guess: expect.stringMatching(/\d/) });
    expect(record.confidence).toBeCloseTo(0.982, 3);
  });

  test("is refused with tiles that there are not", async () => {
    await expect(opened(["mosaic"])).rejects.toThrow(RequestError);
  });
});
