/** Logits in few bits beside those in floats: which floats are taken, and what the cosines say. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { closeness, floatsFor } from "../../src/eval/closeness.ts";
import { convert } from "../../src/run/convert.ts";
import { tinyConfig, tinyModel } from "../support/tiny-model.ts";

const root = mkdtempSync(join(tmpdir(), "galago-closeness-"));
afterAll(() => rmSync(root, { recursive: true }));
const { llm_config } = tinyConfig();
const wide = { llm_config: { ...llm_config, hidden_size: 256, intermediate_size: 512 } };
const folder = tinyModel(join(root, "f32"), { config: wide });
const other = tinyModel(join(root, "other"), { config: wide, seed: 2 });
const words = tinyModel(join(root, "words"), { config: { llm_config: { ...wide.llm_config, vocab_size: 300 } } });
for (const precision of ["int8", "int4"] as const) await convert(folder, join(root, precision), { precision });
const at = (name: string) => join(root, name);

test.each([
  ["f32 of itself", folder, "f32", 0.999999, 1.000001],
  ["int8, rounded when it is opened", folder, "int8", 0.99, 0.99999],
  ["stored int8", at("int8"), "f32", 0.99, 0.99999],
  ["stored int4, farther than int8", at("int4"), "int4", 0.9, 0.9995],
  ["another model, at right angles", other, "f32", -0.2, 0.2],
])("%s", async (_, few, precision, least, most) => {
  const { values, median } = await closeness({ folder: few, precision, threads: 1 }, folder);
  expect(values).toHaveLength(16);
  expect(median).toBeGreaterThan(least);
  expect(median).toBeLessThan(most);
});

describe("the floats that a model is compared with", () => {
  test.each([
    ["its own, where a precision rounds them", folder, "int8", undefined, folder],
    ["none where nothing is rounded", folder, "f32", undefined, undefined],
    ["none where the folder has none", at("int8"), "int8", undefined, undefined],
    ["those that are named", at("int4"), "int4", folder, folder],
  ])("are %s", (_, few, precision, named, expected) => {
    expect(floatsFor(few, precision, named)).toBe(expected);
  });

  test.each([
    ["few bits", at("int8"), /int8 is stored in few bits; expected the folder in floats that .*int4 was made of$/],
    ["another model", words, /words has 300 logits, .*int4 has 264; expected the same model in floats$/],
  ])("cannot be %s", (_, named, message) => {
    expect(() => floatsFor(at("int4"), "int4", named)).toThrow(RequestError);
    expect(() => floatsFor(at("int4"), "int4", named)).toThrow(message);
  });
});
