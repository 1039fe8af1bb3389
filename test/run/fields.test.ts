import { expect, test } from "vitest";
import { fieldsIn } from "../../src/run/fields.ts";

/** Tokens of these texts, each with its probability. */
const spelled = (...tokens: [string, number][]) =>
  tokens.map(([text, probability]) => ({ bytes: new TextEncoder().encode(text), probability }));

test("a value is as likely as the tokens that spell it, and the one that ends a number", () => {
  const fields = fieldsIn(
    spelled(
      ['{"', 0.1],
      ["total", 0.1],
      ['": ', 0.1],
      ["29", 0.9],
      ["5.2", 0.8],
      [", ", 0.5],
      ['"é', 0.2],
      ['": "', 0.7],
      ["a]", 0.5],
      ['"}', 0.9],
    ),
  );
  expect(fields).toEqual([
    { path: "/total", value: 295.2, confidence: expect.closeTo(0.9 * 0.8 * 0.5, 12) },
    { path: "/é", value: "a]", confidence: expect.closeTo(0.7 * 0.5 * 0.9, 12) },
  ]);
});

test.each([
  ['{"a": [1, {"b/c": true}, []], "~": null}', { "/a/0": 1, "/a/1/b~1c": true, "/~0": null }],
  ['"a \\" b, {"', { "": 'a " b, {' }],
  ["[[0.5]]", { "/0/0": 0.5 }],
  ["{}", {}],
  ['{"":{"":"€"}}', { "//": "€" }],
])("the values of %s stand at their places", (text, values) => {
  expect(Object.fromEntries(fieldsIn(spelled([text, 1])).map(({ path, value }) => [path, value]))).toEqual(values);
});
