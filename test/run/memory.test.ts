/** What memory is told from: sizes that can be counted by hand, and what happens when there is too little. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { convert } from "../../src/run/convert.ts";
import { graphsOf } from "../../src/run/graphs.ts";
import { chunk } from "../../src/run/language.ts";
import { answerBytes, type Load, memoryOf, openBytes } from "../../src/run/memory.ts";
import { readModel } from "../../src/run/models.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { tinyConfig, tinyModel } from "../support/tiny-model.ts";

const root = mkdtempSync(join(tmpdir(), "galago-memory-"));
afterAll(() => rmSync(root, { recursive: true }));
const base = tinyConfig();
const config = { llm_config: { ...base.llm_config, hidden_size: 256, intermediate_size: 512 } };
const folder = tinyModel(join(root, "f32"), { config });
const graphs = (path = folder, precision = "f32") => graphsOf(openCheckpoint(path), readModel(path), precision);
const model = readModel(folder);
const load = { tiles: 2, promptTokens: 100, maxTokens: 20 };
const plenty = 1e12;

describe("bytes of an open model", () => {
  test("weights take four bytes a number, and one where they are stored in 8 bits", async () => {
    const dest = join(root, "int8");
    await convert(folder, dest, { precision: "int8" });
    const [floats, few] = [folder, dest].map((path) => openBytes(graphs(path)));
    const numbers = 256 * (264 * 2 + 2 * (512 * 3 + 256 + 512));
    expect(floats - few).toBeGreaterThan(2.9 * numbers);
    expect(floats - few).toBeLessThan(3.5 * numbers);
  });
});

describe("bytes of an answer", () => {
  const bytes = (changes: Partial<Load>, seats = 1) => answerBytes(graphs(), model, { ...load, ...changes }, seats);

  test("a cached token is two vectors a layer, and nothing else grows with a long prompt", () => {
    // Two layers, two key heads of 64 numbers, keys and values, four bytes.
    const row = 2 * 2 * 64 * 2 * 4;
    const scores = chunk * 4 * 4;
    const more = bytes({ promptTokens: 4096 }) - bytes({ promptTokens: 2048 });
    expect(more).toBeGreaterThanOrEqual(2048 * row);
    expect(more).toBeLessThan(2048 * (row + 4 * scores));
  });

  test("more images cost their pixels and tokens, not more of the tower", () => {
    const pixels = 3 * 56 * 56;
    const tokens = 4 * 256 * 8;
    expect(bytes({ tiles: 300 }) - bytes({ tiles: 200 })).toBe(100 * (pixels + tokens));
  });

  test("each answer at once has tiles, tokens and a cache of its own, and shares what a run takes", () => {
    const cache = 256 * 2 * 2 * 64 * 2 * 4;
    const own = 2 * (3 * 56 * 56 + 4 * 256 * 8) + cache;
    expect(bytes({}, 8) - bytes({}, 1)).toBeGreaterThanOrEqual(7 * own);
    expect(bytes({}, 8) - bytes({}, 1)).toBeLessThan(8 * own);
  });

  test("what SCM asks grows with the prompt, not with its square", () => {
    const asked = (promptTokens: number) => bytes({ promptTokens, asks: "attention" }) - bytes({ promptTokens });
    const [first, second, third] = [492, 2540, 4588].map(asked);
    expect((third - first) / (second - first)).toBeCloseTo(2, 1);
  });

  test("what compression asks comes on top: attention holds layers and looks from all tokens, likeness is of each two", () => {
    const [none, attention, likeness] = ([undefined, "attention", "likeness"] as const).map((asks) => bytes({ asks }));
    const [visual, scores] = [2 * 4, 100 * 100 * 4 * 4];
    expect(attention - none).toBeGreaterThan(scores);
    expect(likeness - none).toBeGreaterThanOrEqual(visual * visual * 4);
    expect(likeness - none).toBeLessThan(visual * (3 * 256 + visual) * 4);
  });

  test("what is remembered of other images comes on top", () => {
    expect(bytes({ rememberedBytes: 1e6 }) - bytes({})).toBe(1e6);
  });
});

describe("too little memory", () => {
  const own = graphs();
  test("refuses a model with both numbers and what to do", () => {
    const memory = memoryOf(own, model, {}, () => 1e6);
    expect(() => memory.checkOpening("tiny")).toThrow(RequestError);
    expect(() => memory.checkOpening("tiny")).toThrow(
      "tiny takes about 0.2 GB of memory, 0.0 GB are free; close other programs, or take a smaller model or one stored in fewer bits",
    );
  });

  test("names --force to whoever could have given it, and to nobody else", () => {
    const refusal = (options: { force?: boolean }) => () => memoryOf(own, model, options, () => 0).checkOpening("tiny");
    expect(refusal({ force: false })).toThrow(/, or try all the same with --force$/);
    expect(refusal({})).not.toThrow(/--force/);
  });

  test("refuses an answer, but not one that needs no more than the last did", () => {
    let free = plenty;
    const memory = memoryOf(own, model, {}, () => free);
    memory.checkAnswer(load);
    free = 0;
    memory.checkAnswer(load);
    expect(() => memory.checkAnswer({ ...load, tiles: 200 })).toThrow(/^this answer takes about/);
  });

  test("refuses nothing when forced", () => {
    const memory = memoryOf(own, model, { force: true }, () => 0);
    memory.checkOpening("tiny");
    memory.checkAnswer({ ...load, tiles: 1000 });
  });
});
