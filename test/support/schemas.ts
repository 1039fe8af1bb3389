/** JSON Schemas by chance, of the keys that answers can be held to, and what a validator says of an answer. */
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";

type Schema = Record<string, unknown>;

const patterns = ["^[A-Z]{2}\\d+$", "x", "^[^a-y]+", "\\w\\s?$", '^(?:a|bc){1,3}$|^"\\\\$', ".", "^\\p{Lu}", "\\S"];
const formats = ["date", "time", "date-time", "email", "uri", "uuid"];

const whole = fc.integer({ min: -1200, max: 1200 });
const bounds = fc
  .tuple(
    whole,
    fc.integer({ min: 2, max: 2000 }),
    fc.constantFrom("minimum", "exclusiveMinimum"),
    fc.constantFrom("maximum", "exclusiveMaximum"),
  )
  .chain(([from, width, low, high]) =>
    fc.constantFrom({ [low]: from }, { [high]: from }, { [low]: from, [high]: from + width }),
  );
const lengths = fc
  .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }))
  .chain(([least, more]) =>
    fc.constantFrom({ minLength: least }, { maxLength: more }, { minLength: least, maxLength: least + more }),
  );

const leaf: fc.Arbitrary<Schema> = fc.oneof(
  fc.constant({ type: "string" }),
  lengths.map((more) => ({ type: "string", ...more })),
  fc.constantFrom(...patterns).map((pattern) => ({ type: "string", pattern })),
  fc.constantFrom(...formats).map((format) => ({ type: "string", format })),
  fc.constantFrom({ type: "number" }, { type: "integer" }, { type: "boolean" }, { type: "null" }, {}),
  fc.tuple(fc.constantFrom("number", "integer"), bounds).map(([type, more]) => ({ type, ...more })),
  fc.array(fc.jsonValue(), { minLength: 1, maxLength: 4 }).map((values) => ({ enum: values })),
  fc.jsonValue().map((value) => ({ const: value })),
  fc
    .uniqueArray(fc.constantFrom("string", "number", "integer", "boolean", "null"), { minLength: 1 })
    .map((type) => ({ type })),
);

const name = fc.oneof(fc.constantFrom("total", "shop", "date", "items"), fc.string({ unit: "binary", maxLength: 4 }));

/** Schemas with lists, objects with properties that may be missing, unions and references to themselves. */
export const schemas: fc.Arbitrary<Schema> = fc.letrec<{ any: Schema }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.dictionary(name, fc.tuple(tie("any"), fc.boolean()), { maxKeys: 4 }).map((of) => ({
      type: "object",
      properties: Object.fromEntries(Object.entries(of).map(([key, [schema]]) => [key, schema])),
      required: Object.keys(of).filter((key) => of[key]![1]),
      additionalProperties: false,
    })),
    tie("any").map((of) => ({ type: "object", additionalProperties: of })),
    fc
      .tuple(tie("any"), fc.integer({ min: 0, max: 3 }), fc.option(fc.integer({ min: 0, max: 3 })))
      .map(([items, least, more]) => ({
        type: "array",
        items,
        minItems: least,
        ...(more === null ? {} : { maxItems: least + more }),
      })),
    fc.array(tie("any"), { minLength: 1, maxLength: 3 }).map((of) => ({ anyOf: of })),
    fc
      .array(tie("any"), { minLength: 1, maxLength: 3 })
      .map((of) => ({ type: "array", prefixItems: of, items: false })),
    tie("any").map((of) => ({ allOf: [of] })),
    fc.constant({ type: "array", items: { $ref: "#" }, maxItems: 2 }),
  ),
})).any;

/** Schemas of values by name, in groups, some of which may be missing or null: what can be asked for value by value. */
export const forms: fc.Arbitrary<Schema> = fc.letrec<{ form: Schema }>((tie) => ({
  form: fc
    .dictionary(
      name,
      fc.tuple(
        fc.oneof(
          { maxDepth: 2 },
          leaf.filter(({ type }) => type !== "null" && !Array.isArray(type)),
          leaf
            .filter(({ type }) => ["string", "number", "integer"].includes(type as string))
            .map((of) => ({ ...of, type: [of.type, "null"] })),
          tie("form"),
        ),
        fc.boolean(),
      ),
      { minKeys: 1, maxKeys: 5 },
    )
    .map((of) => ({
      type: "object",
      properties: Object.fromEntries(Object.entries(of).map(([key, [schema]]) => [key, schema])),
      required: Object.keys(of).filter((key) => of[key]![1]),
      additionalProperties: false,
    })),
})).form;

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

/** The same under other names for two keys that the validator calls, which takes what stands there for JavaScript's own functions. */
const renamed = (json: unknown) => JSON.parse(JSON.stringify(json).replaceAll(/"(valueOf|toString)":/g, '"$1 ":'));

/** What is wrong with a value by a schema, undefined where nothing is. */
export function wrongWith(value: unknown, schema: Schema): string | undefined {
  return ajv.validate(renamed(schema), renamed(value)) ? undefined : ajv.errorsText();
}
