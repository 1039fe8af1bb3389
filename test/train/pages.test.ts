/** Training on one's own pages: conversation files and PDFs beside drawn ones. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writePages } from "../../src/data/conversations.ts";
import { draw } from "../../src/data/draw.ts";
import { Random } from "../../src/data/random.ts";
import type { Share } from "../../src/train/config.ts";
import { feed } from "../../src/train/feed.ts";
import { pagesOf, partOf } from "../../src/train/pages.ts";
import { tokens } from "../../src/train/tokens.ts";
import { pdf } from "../support/pdf.ts";
import { tinyConfig } from "./tiny.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-pages-"));
afterAll(() => rmSync(folder, { recursive: true }));
const drawn = [1, 2, 3].map((seed) => draw("word", seed));
const own = join(folder, "own");
const share = (pages: string): Share => ({ pages, weight: 1, tiles: "single", effects: [0, 0], given: false });

beforeAll(async () => {
  await writePages(own, drawn);
  writeFileSync(
    join(folder, "a.pdf"),
    pdf(["BT /F1 20 Tf 10 60 Td (Total 12.40) Tj ET", "BT /F1 20 Tf 10 60 Td (Thanks) Tj ET"]),
  );
});

test("a conversation file gives its images, and each turn as a question", async () => {
  const pages = await pagesOf(share(join(own, "conversations.jsonl")));
  const seen = await Promise.all(Array.from({ length: 12 }, (_, i) => pages(new Random("own", i))));
  for (const { image, questions, glyphs } of seen) {
    const truth = drawn.find((page) => Buffer.from(page.image.data).equals(Buffer.from(image.data)))!;
    expect(questions.map(({ question, answer }) => [question, answer])).toEqual(
      truth.questions.map(({ question, answer }) => [question, answer]),
    );
    expect(glyphs).toEqual([]);
  }
  expect(new Set(seen.map(({ questions }) => questions[0].answer)).size).toBeGreaterThan(1);
});

test("a PDF gives its pages with the text layer as their truth, letters in place", async () => {
  const pages = await pagesOf(share(join(folder, "a.pdf")));
  const seen = await Promise.all(Array.from({ length: 8 }, (_, i) => pages(new Random("pdf", i))));
  expect(new Set(seen.map(({ text }) => text))).toEqual(new Set(["Total 12.40", "Thanks"]));
  for (const { text, glyphs, questions } of seen) {
    expect(glyphs.map(({ char }) => char).join("")).toBe(text.replace(" ", ""));
    expect(questions.find(({ kind }) => kind === "read")?.answer).toBe(text);
  }
});

test("a run may mix drawn pages with a folder of one's own; what nobody knows is not asked of the tower", async () => {
  const config = tinyConfig(
    "out",
    {},
    {
      mixture: [
        { kind: "word", tiles: "single" },
        { pages: own, tiles: "single" },
      ],
    },
  );
  const sampleAt = feed(config, tokens(config).tokenizer);
  const samples = await Promise.all(Array.from({ length: 12 }, (_, i) => sampleAt(0, i)));
  const unknown = samples.filter(({ dense }) => dense.every((label) => label === -1));
  expect(unknown.length).toBeGreaterThan(0);
  expect(unknown.length).toBeLessThan(samples.length);
  for (const sample of samples) expect(sample.targets.some((id) => id >= 0)).toBe(true);
});

describe("pages that cannot be had are refused", () => {
  mkdirSync(join(folder, "nothing"));
  writeFileSync(join(folder, "empty.jsonl"), "");
  writeFileSync(join(folder, "text.pdf"), "no PDF");
  test.each([
    ["a path that is not there", "gone.jsonl", /pages ".*gone\.jsonl": no such file or folder/],
    ["a folder without pages", "nothing", /holds neither \.jsonl nor \.pdf/],
    ["an empty file", "empty.jsonl", /empty\.jsonl: holds no conversation/],
    ["a PDF that is none", "text.pdf", /text\.pdf": cannot be opened as a PDF/],
  ])("%s", async (_, name, message) => {
    await expect(pagesOf(share(join(folder, name)))).rejects.toThrow(message);
  });

  test("an image that is gone", async () => {
    const line = {
      id: 1,
      image: "gone.png",
      width: 1,
      height: 1,
      conversations: [
        { from: "human", value: "a" },
        { from: "gpt", value: "b" },
      ],
    };
    writeFileSync(join(folder, "lost.jsonl"), JSON.stringify(line));
    const pages = await pagesOf(share(join(folder, "lost.jsonl")));
    await expect(pages(new Random("lost", 1))).rejects.toThrow(/lost\.jsonl: its image .*gone\.png cannot be read/);
  });

  test("a phase that shows true characters of pages whose characters nobody knows", () => {
    const phase = { sight: "labels", mixture: [{ pages: own, tiles: "single" }] };
    expect(() => tinyConfig("out", {}, phase)).toThrow(/phase "words" shows the true characters, which nobody knows/);
  });

  test("a share of both or neither", () => {
    for (const mixture of [[{ tiles: "single" }], [{ kind: "word", pages: own, tiles: "single" }]])
      expect(() => tinyConfig("out", {}, { mixture })).toThrow(/expected a kind of page to draw, or pages/);
  });
});

test("the part of a page that is shown has its pixels, and its letters where they then stand; those outside stand nowhere", async () => {
  const page = await draw("receipt", 5);
  const { x, y } = page.glyphs[40];
  const part = { x: Math.floor(x) - 20, y: Math.floor(y) - 20, width: 40, height: 40 };
  const shown = partOf(page, part);
  expect([shown.image.width, shown.image.height]).toEqual([40, 40]);
  expect(shown.glyphs.map(({ char }) => char)).toEqual(page.glyphs.map(({ char }) => char));
  expect([shown.glyphs[40].x, shown.glyphs[40].y]).toEqual([x - part.x, y - part.y]);
  const within = shown.glyphs.filter(({ x }) => Number.isFinite(x));
  expect(within.length).toBeLessThan(20);
  for (const { x, y } of within) expect(Math.min(x, y, 40 - x, 40 - y)).toBeGreaterThanOrEqual(0);
});
