import { expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { automaton } from "../../src/text/grammar.ts";
import { schemaGrammar } from "../../src/text/schema.ts";

/** Whether the grammar has this text. */
function holds(schema: unknown, text: string, how?: "plain"): boolean {
  const { start, step } = automaton(schemaGrammar(schema, how));
  let state: ReturnType<typeof step> = start;
  for (const byte of new TextEncoder().encode(text)) state = state && step(state, byte);
  return state?.ends ?? false;
}

test.each([
  [
    { type: "integer", minimum: -12, maximum: 105 },
    ["-12", "-9", "0", "99", "105"],
    ["-13", "106", "00", "1.0", "-0", ""],
  ],
  [
    { type: "number", minimum: 0, exclusiveMaximum: 20 },
    ["0", "0.5", "19.999999", "7"],
    ["20", "-1", "20.0", "7.", ".5"],
  ],
  [{ type: "number", exclusiveMinimum: -2, maximum: 1 }, ["-1.5", "1", "1.00", "0.25"], ["-2", "1.01", "-2.5"]],
  [
    { type: "string", minLength: 2, maxLength: 3 },
    ['"é€"', '"\\\\\\""', '"abc"'],
    ['"a"', '"abcd"', '"a\u0001b"', '"ab'],
  ],
  [{ enum: ["a", 1, null], type: ["string", "null"] }, ['"a"', "null"], ["1", "a"]],
  [{ format: "date" }, ['"2024-02-29"', '"2023-11-30"'], ['"2023-02-29"', '"2023-11-31"', '"2023-1-1"']],
  [{ pattern: "^(ab|c)+$" }, ['"abcab"'], ['""', '"a"', '"abb"']],
  [
    { type: "array", items: { type: "null" }, minItems: 1, maxItems: 2 },
    ["[null]", "[null,null]"],
    ["[]", "[null,null,null]"],
  ],
  [{ prefixItems: [{ const: 1 }], items: { const: 2 }, maxItems: 3 }, ["[1]", "[1,2,2]"], ["[]", "[2]", "[1,2,2,2]"]],
  [{ type: "object", additionalProperties: { type: "null" } }, ["{}", '{"a": null,"b":null}'], ['{"a":1}', "{,}"]],
  [
    { properties: { a: {}, b: {} }, required: ["b"] },
    ['{"b":{}}', '{"a":[1, "x"], "b":1}'],
    ['{"a":1}', '{"b":1,"a":1}', "{}"],
  ],
  [{ oneOf: [{ type: "null" }, { type: "boolean" }] }, ["null", "true"], ["1"]],
])("%j is %j and not %j", (schema, of, others) => {
  expect(of.filter((text) => !holds(schema, text))).toEqual([]);
  expect(others.filter((text) => holds(schema, text))).toEqual([]);
});

test("a plain value is written without quotes", () => {
  expect(["a", "1.5"].map((text) => holds({ enum: ["a", 1.5] }, text, "plain"))).toEqual([true, true]);
  expect(holds({ type: "string", pattern: '^"\\\\$' }, '"\\', "plain")).toBe(true);
});

const deep = (n: number): object => (n === 0 ? { type: "null" } : { type: "array", items: deep(n - 1) });

test.each([
  [7, "#: is no schema; expected an object"],
  [false, "#: allows nothing"],
  [{ properties: { a: { uniqueItems: true } } }, '#/properties/a: "uniqueItems" is not supported'],
  [{ type: "strin" }, '#: "type" is "strin"; expected some of object, array'],
  [{ type: "string", format: "color" }, '#: "format" "color" is not supported; supported: date, time'],
  [{ pattern: "(?=a)" }, '#: pattern "(?=a)": (?=a) is not supported'],
  [{ pattern: "(" }, "is no regular expression"],
  [{ pattern: "a{1,5000}" }, "repeats more than 1000 times"],
  [{ pattern: "a", maxLength: 3 }, "a length beside a pattern"],
  [{ type: "number", minimum: 0.5 }, '"minimum" is 0.5; expected a whole number up to 1000000000'],
  [{ type: "integer", minimum: 3, maximum: 2 }, "there is no number between the bounds"],
  [{ minItems: 3, maxItems: 2 }, '"minItems" is more than "maxItems"'],
  [{ required: ["a"], properties: {} }, '"required" names "a"'],
  [{ $ref: "#/$defs/a" }, '"$ref" is "#/$defs/a"; expected a place in this schema'],
  [{ $ref: "#/%" }, "expected a place in this schema"],
  [{ $ref: "https://example.com/a.json" }, "expected a place in this schema"],
  [{ anyOf: [{}], type: "string" }, '"type" beside "anyOf" is not supported'],
  [{ oneOf: [{ type: "number" }, { type: "integer" }] }, '"oneOf" of what may be alike'],
  [{ allOf: [{}, {}] }, '"allOf" of several'],
  [{ enum: [1], type: "string" }, "none of the values is of the type"],
  [deep(400), "is too deep"],
])("%j is refused by a sentence that says where and why", (schema, message) => {
  const grammar = (): unknown => schemaGrammar(schema);
  expect(grammar).toThrow(RequestError);
  expect(grammar).toThrow(message);
});
