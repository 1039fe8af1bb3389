/** Values that are asked for one by one: which questions are put, and what becomes of the answers. */
import { expect, test } from "vitest";
import type { AnswerRecord } from "../../src/run/answer.ts";
import { extracted, formOf } from "../../src/run/extract.ts";
import { lacking } from "../../src/text/tasks.ts";
import { wrongWith } from "../support/schemas.ts";

const record = (tokens: number, finish_reason: AnswerRecord["finish_reason"]): AnswerRecord => ({
  model: "m",
  question: "",
  answer: "",
  shown: [],
  boxes: [],
  finish_reason,
  fields: null,
  probability: 0.5,
  log_probability: -1,
  confidence: null,
  guess: null,
  images: [],
  usage: { prompt_tokens: 10, cached_tokens: 4, visual_tokens: 8, visual_tokens_kept: 6, completion_tokens: tokens },
  timing_ms: { load: 0, image: 1, encode: 1, compress: 1, prefill: 1, decode: 1 },
  peak_rss_bytes: 1,
});

/** What is asked, and the record where each question is answered by these words, doubted where they end in "?", without end where they end in "...". */
async function asked(schema: object, answers: Record<string, string>, maxTokens = 100) {
  const questions: string[] = [];
  const pieces: string[] = [];
  const answer = extracted(formOf(schema)!, maxTokens, async function* ({ question }, left) {
    questions.push(question);
    const said = answers[question]!;
    const text = said.replace(/\?$/, "");
    const endless = said.endsWith("...");
    yield* [];
    const cut = text.length > left;
    return {
      text,
      confidence: endless ? 0 : 0.25,
      doubted: endless || said.endsWith("?"),
      record: record(Math.min(text.length, left), endless ? "loop" : cut ? "length" : "stop"),
    };
  });
  for (;;) {
    const { done, value } = await answer.next();
    if (done) return { questions, pieces, ...value };
    pieces.push(value.text);
  }
}

const receipt = {
  type: "object",
  properties: {
    shopName: { type: "string" },
    total: { type: "number", description: "The total with tax." },
    paid: { type: "boolean", description: "Is it paid?" },
    due_date: { anyOf: [{ type: "string", format: "date" }, { type: "null" }] },
    till: { type: "object", properties: { number: { type: ["integer", "null"] } }, required: ["number"] },
    currency: { $ref: "#/$defs/currency" },
  },
  required: ["shopName", "total", "paid", "due_date", "till"],
  $defs: { currency: { enum: ["GBP", "EUR"] } },
};
const answers = {
  "What is the shop name?": 'Joe "Fat" Toys',
  "What is the total with tax?": "295.20",
  "Is it paid?": "Yes",
  "What is the due date?": "2024-02-29?",
  "What is the number?": "7",
  "What is the currency?": "GBP",
};

test("each value is asked for by its description or its name, and the answers are of the schema", async () => {
  const { questions, answer, pieces, fields, usage, finish_reason } = await asked(receipt, answers);
  expect(questions).toEqual(Object.keys(answers));
  const value = {
    shopName: 'Joe "Fat" Toys',
    total: 295.2,
    paid: true,
    due_date: null,
    till: { number: 7 },
    currency: "GBP",
  };
  expect(JSON.parse(answer)).toEqual(value);
  expect(wrongWith(value, receipt)).toBeUndefined();
  expect(pieces.join("")).toBe(answer);
  expect(pieces.length).toBeGreaterThan(6);
  expect(fields).toContainEqual({ path: "/till/number", value: 7, confidence: 0.25 });
  expect(usage).toEqual({
    prompt_tokens: 60,
    cached_tokens: 24,
    visual_tokens: 8,
    visual_tokens_kept: 6,
    completion_tokens: 37,
  });
  expect(finish_reason).toBe("stop");
});

test("a value that is doubted is left out where it need not be there, kept where it must", async () => {
  const { answer, fields } = await asked(receipt, {
    ...answers,
    "What is the currency?": "EUR?",
    "What is the total with tax?": "3?",
  });
  expect(JSON.parse(answer)).not.toHaveProperty("currency");
  expect(JSON.parse(answer).total).toBe(3);
  expect(fields!.map(({ path }) => path)).not.toContain("/currency");
});

test("a value that the model says is not there is null or left out, and not a word of it", async () => {
  const { answer } = await asked(receipt, {
    ...answers,
    "What is the number?": lacking,
    "What is the currency?": lacking,
    "What is the shop name?": lacking,
  });
  const value = JSON.parse(answer);
  expect(value.till).toEqual({ number: null });
  expect(value).not.toHaveProperty("currency");
  expect(value.shopName).toBe(lacking);
});

test("a value without end is null or left out, or as far as it came where any text will do; the others are asked for", async () => {
  const { answer, fields, questions, finish_reason } = await asked(receipt, {
    ...answers,
    "What is the shop name?": "Joe Joe Joe...",
    "What is the due date?": "2024...",
    "What is the currency?": "G...",
  });
  expect(questions).toHaveLength(6);
  expect(finish_reason).toBe("stop");
  const value = { shopName: "Joe Joe Joe...", total: 295.2, paid: true, due_date: null, till: { number: 7 } };
  expect(JSON.parse(answer)).toEqual(value);
  expect(wrongWith(value, receipt)).toBeUndefined();
  expect(fields).toContainEqual({ path: "/shopName", value: "Joe Joe Joe...", confidence: 0 });
});

test("a value that is cut for want of tokens ends the whole, which is no JSON then and has no fields", async () => {
  const { answer, fields, finish_reason, questions } = await asked(receipt, answers, 16);
  expect(questions).toHaveLength(2);
  expect({ answer, fields, finish_reason }).toEqual({
    answer: '{"shopName": "Joe \\"Fat\\" Toys", "total": ',
    fields: null,
    finish_reason: "length",
  });
});

test.each([
  ["lists", { type: "object", properties: { a: { type: "array", items: { type: "string" } } } }],
  ["choices", { type: "object", properties: { a: { anyOf: [{ type: "string" }, { type: "number" }] } } }],
  ["what refers to itself", { type: "object", properties: { a: { $ref: "#" } } }],
  ["values without names", { type: "string" }],
  ["nothing", { type: "object", properties: {} }],
])("%s cannot be asked for", (_, schema) => {
  expect(formOf(schema)).toBeUndefined();
});
