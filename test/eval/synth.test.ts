/** The suite of drawn documents, with models that know the truth, half of it, or nothing. */
import { expect, test } from "vitest";
import { draw } from "../../src/data/draw.ts";
import { firstHeldOutSeed } from "../../src/data/seeds.ts";
import { evalSynth, taskNames, taskPages } from "../../src/eval/synth.ts";
import type { AnswerRecord } from "../../src/run/answer.ts";
import type { Model } from "../../src/run/model.ts";

interface Seen {
  question: string;
  pixels: number;
  tiles: string | undefined;
}

/** A model that answers with what `answer` says, and remembers what it was asked. */
function mock(answer: (question: string) => string, seen: Seen[] = []): Model {
  return {
    async *answer({ images, messages }, options = {}) {
      const question = messages[0].content;
      const { image } = images[0];
      seen.push({
        question,
        pixels: typeof image === "string" ? 0 : "data" in image ? image.data.length : 0,
        tiles: options.tiles,
      });
      const record: AnswerRecord = {
        model: "mock",
        question,
        answer: answer(question),
        shown: [],
        finish_reason: "stop",
        fields: null,
        boxes: [],
        probability: 0.8,
        log_probability: -1,
        confidence: null,
        guess: null,
        images: [],
        usage: { cached_tokens: 0, prompt_tokens: 1, visual_tokens: 10, visual_tokens_kept: 5, completion_tokens: 1 },
        timing_ms: { load: 0, image: 0, encode: 0, compress: 0, prefill: 0, decode: 0 },
        peak_rss_bytes: 1,
      };
      yield { text: record.answer };
      return record;
    },
    close: async () => {},
  };
}

/** The truth of the pages of a task's first kind, by question, for one page. */
function truths(task: number, kind: "receipt" | "line", effects: number): Map<string, string> {
  const page = draw(kind, firstHeldOutSeed + task * 1_000_000, { fonts: "heldout", effects });
  return new Map(page.questions.map(({ question, answer }) => [question, answer]));
}

test("a model that knows the truth scores 1 on exact matches and 0 character errors", async () => {
  const total = truths(0, "receipt", 0.3);
  const [row] = await evalSynth(
    mock((q) => total.get(q) ?? "?"),
    { count: 1, tasks: ["receipt total"] },
  );
  expect(row).toMatchObject({
    task: "receipt total",
    score: "exact",
    value: 1,
    questions: 1,
    pages: 1,
    visual_tokens: 10,
    visual_tokens_kept: 5,
  });
  expect(row.calibration).toBeCloseTo(0.2, 12);
  const line = truths(2, "line", 0);
  const [read] = await evalSynth(
    mock((q) => line.get(q) ?? "?"),
    { count: 1, tasks: ["clean line"] },
  );
  expect(read).toMatchObject({ score: "cer", value: 0, calibration: null });
});

test("a model that says nothing gets no exact match and loses every character", async () => {
  const rows = await evalSynth(
    mock(() => ""),
    { count: 2 },
  );
  expect(rows.map(({ task }) => task)).toEqual(taskNames);
  for (const { score, value, questions } of rows) {
    expect(questions).toBeGreaterThan(0);
    expect(value).toBe(score === "exact" ? 0 : 1);
  }
});

test("the same pages are asked about every time, through the tiles that are asked for", async () => {
  const [first, second]: Seen[][] = [[], []];
  await evalSynth(
    mock(() => "", first),
    { count: 2, sight: { tiles: "single" } },
  );
  await evalSynth(
    mock(() => "", second),
    { count: 2, sight: { tiles: "single" } },
  );
  expect(second).toEqual(first);
  expect(new Set(first.map(({ tiles }) => tiles))).toEqual(new Set(["single"]));
  expect(first.every(({ pixels }) => pixels > 0)).toBe(true);
});

test("the questions about charts and tables are of all their kinds, the same every time, on unseen seeds", () => {
  const asked = (count: number) =>
    [...taskPages("charts and tables", { count })].map(({ page, questions }) => ({
      kind: page.kind,
      seed: page.seed,
      questions,
    }));
  const pages = asked(16);
  expect(asked(8)).toEqual(pages.slice(0, 8));
  expect(new Set(pages.map(({ kind }) => kind))).toEqual(new Set(["bar", "pie", "table", "chart-line"]));
  expect(pages.every(({ seed }) => seed >= firstHeldOutSeed)).toBe(true);
  expect(new Set(pages.flatMap(({ questions }) => questions.map(({ kind }) => kind)))).toEqual(
    new Set(["chart", "sum", "count"]),
  );
  expect(new Set(pages.flatMap(({ questions }) => questions.map(({ name }) => name))).size).toBeGreaterThan(3);
});

test("what a page lacks is asked for apart from what it has", () => {
  const questions = [...taskPages("not on the page", { count: 12 })].flatMap(({ questions }) => questions);
  expect(questions.length).toBeGreaterThan(4);
  expect(new Set(questions.map(({ answer }) => answer))).toEqual(new Set(["Not on this page."]));
  const fields = [...taskPages("receipt and invoice fields", { count: 6 })].flatMap(({ questions }) => questions);
  expect(fields.map(({ answer }) => answer)).not.toContain("Not on this page.");
});
