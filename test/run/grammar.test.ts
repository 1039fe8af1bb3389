/** Answers that are held to a schema: whatever a model would say, what comes parses and validates. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Random } from "../../src/data/random.ts";
import { RequestError } from "../../src/errors.ts";
import type { AnswerRecord } from "../../src/run/answer.ts";
import { formOf } from "../../src/run/extract.ts";
import { type Generated, generate, type LanguageModel } from "../../src/run/generate.ts";
import { guides } from "../../src/run/grammar.ts";
import { openModel } from "../../src/run/model.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { pointed, schemaGrammar } from "../../src/text/schema.ts";
import { parseTokenizer } from "../../src/text/tokenizer.ts";
import { forms, schemas, wrongWith } from "../support/schemas.ts";
import { tinyModel } from "../support/tiny-model.ts";

const tokenizer = parseTokenizer(byteTokenizer(), "tokenizer.json");
const end = tokenizer.id("<|im_end|>");
const held = guides(tokenizer, tokenizer.size, [end]);
const closing = tokenizer.encode('"}]');

/** A model that says anything; it leans towards what closes, so that it comes to an end. */
function babbling(seed: number): LanguageModel {
  const random = new Random("babble", seed);
  const logits = async (): Promise<Float32Array> => {
    const scores = Float32Array.from({ length: tokenizer.size }, () => random.real(0, 8));
    for (const id of closing) scores[id]! += 3;
    return scores;
  };
  return { prefill: logits, step: logits };
}

async function answer(schema: object, model: LanguageModel, maxTokens = 1000): Promise<Generated> {
  const guide = held(JSON.stringify(schema), () => schemaGrammar(schema));
  const pieces = generate(model, { ids: [1] }, tokenizer, { maxTokens, stopIds: [end], guide });
  for (;;) {
    const { done, value } = await pieces.next();
    if (done) return value;
  }
}

test("whatever a model says, an answer that ends parses and is of the schema", async () => {
  let ended = 0;
  await fc.assert(
    fc.asyncProperty(schemas, fc.nat(), async (schema, seed) => {
      const { answer: text, finishReason } = await answer(schema, babbling(seed));
      if (finishReason !== "stop") return;
      ended++;
      expect(wrongWith(JSON.parse(text), schema), text).toBeUndefined();
    }),
    { numRuns: 150 },
  );
  expect(ended).toBeGreaterThan(140);
}, 60_000);

/** A model that says this and then ends. */
function saying(text: string): LanguageModel {
  const ids = [...tokenizer.encode(text), end];
  const logits = async (): Promise<Float32Array> => {
    const scores = new Float32Array(tokenizer.size);
    scores[ids.shift() ?? end] = 9;
    return scores;
  };
  return { prefill: logits, step: logits };
}

test.each([
  [
    "an object as it comes",
    { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
    '{"a":1}',
    '{"a":1}',
  ],
  ["a space behind marks", { type: "object", properties: { a: {}, b: {} } }, '{"a": 1, "b": []}', '{"a": 1, "b": []}'],
  ["an optional property left out", { properties: { a: {}, b: {} } }, '{"b":1}', '{"b":1}'],
  ["characters of several bytes", { type: "string", maxLength: 3 }, '"é€😀"', '"é€😀"'],
  ["what JSON escapes", { type: "string", pattern: '^["\\\\\n]+$' }, '"\\"\\\\\\n"', '"\\"\\\\\\n"'],
  ["a pattern anywhere in it", { pattern: "b+" }, '"abc"', '"abc"'],
  ["the day of a leap year", { format: "date" }, '"2024-02-29"', '"2024-02-29"'],
  ["a list that holds itself", { type: "array", items: { $ref: "#" } }, "[[],[[]]]", "[[],[[]]]"],
  ["a whole number to its bound", { type: "integer", minimum: -12, maximum: 105 }, "105", "105"],
  ["a number above its open bound", { type: "number", exclusiveMinimum: 3 }, "3.000001", "3.000001"],
])("lets a model say %s", async (_, schema, said, text) => {
  expect((await answer(schema, saying(said))).answer).toBe(text);
});

test("a whole model of random weights is held to schemas by chance", async () => {
  const folder = mkdtempSync(join(tmpdir(), "galago-grammar-"));
  const model = await openModel(tinyModel(folder), { threads: 1 });
  const said = async (schema: object, seed: number): Promise<AnswerRecord> => {
    const question = { images: [], messages: [{ role: "user", content: "Take the values." }] } as const;
    const pieces = model.answer(question, { schema, seed, temperature: 1, maxTokens: 400 });
    for (;;) {
      const { done, value } = await pieces.next();
      if (done) return value;
    }
  };
  let ended = 0;
  for (const [i, schema] of fc.sample(schemas, { numRuns: 12, seed: 5 }).entries()) {
    const { answer, fields, finish_reason } = await said(schema, i);
    expect(fields === null).toBe(finish_reason !== "stop");
    if (!fields) continue;
    ended++;
    expect(wrongWith(JSON.parse(answer), schema), answer).toBeUndefined();
    for (const { path, value, confidence } of fields) {
      expect(pointed(JSON.parse(answer), `#${encodeURI(path)}`)).toEqual(value);
      expect(confidence).toBeGreaterThan(0);
      expect(confidence).toBeLessThanOrEqual(1 + 1e-9);
    }
  }
  expect(ended).toBeGreaterThan(3);
  await expect(said({ uniqueItems: true }, 1)).rejects.toThrow(RequestError);
  await model.close();
  rmSync(folder, { recursive: true });
}, 60_000);

test.each([
  ["babbles", {}],
  ["says the same letter without end", { says: 65 + 5 }],
])(
  "a model that %s is asked for values one by one, and the record parses and validates",
  async (_, how) => {
    const folder = mkdtempSync(join(tmpdir(), "galago-forms-"));
    const config = { extraction: "fields", max_new_tokens: 20 } as const;
    const model = await openModel(tinyModel(folder, { ...how, config }), { threads: 1 });
    const asked = fc.sample(forms, { numRuns: 12, seed: 7 }).filter((schema) => formOf(schema) !== undefined);
    expect(asked.length).toBeGreaterThan(9);
    for (const [seed, schema] of asked.entries()) {
      const question = { images: [], messages: [{ role: "user", content: "" }] } as const;
      const pieces = model.answer(question, { schema, seed, temperature: 1 });
      let step = await pieces.next();
      while (!step.done) step = await pieces.next();
      const { answer, fields, finish_reason } = step.value;
      expect(finish_reason, answer).toBe("stop");
      expect(wrongWith(JSON.parse(answer), schema), answer).toBeUndefined();
      for (const { path, value } of fields!) expect(pointed(JSON.parse(answer), `#${encodeURI(path)}`)).toEqual(value);
    }
    await model.close();
    rmSync(folder, { recursive: true });
  },
  60_000,
);
