/** What a model takes, told from its shapes, against the files that convert makes of it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { total } from "../../src/graph/value.ts";
import { catalogue } from "../../src/models/catalogue.ts";
import { convert } from "../../src/run/convert.ts";
import { knownConfig, modelOf, readJson, readModel } from "../../src/run/models.ts";
import { sizeOf } from "../../src/run/size.ts";
import { openSafetensors } from "../../src/weights/safetensors.ts";
import { kinds } from "../support/kinds.ts";
import { tinyWhole } from "../support/tiny-model.ts";

const root = mkdtempSync(join(tmpdir(), "galago-size-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Numbers and bytes of a file's tensors. */
function contents(folder: string): { numbers: number; bytes: number } {
  const file = openSafetensors(join(folder, "model.safetensors"));
  file.close();
  const tensors = [...file.entries.values()];
  const sum = (of: (tensor: (typeof tensors)[number]) => number): number => tensors.reduce((n, t) => n + of(t), 0);
  return { numbers: sum(({ shape }) => total(shape)), bytes: sum(({ length }) => length) };
}

describe.each(kinds)("%s", (kind, config) => {
  test("is as large at every precision as the file that convert writes", async () => {
    const source = tinyWhole(join(root, kind), config);
    const { parameters, bytes } = sizeOf(readModel(source));
    expect(parameters).toBe(contents(source).numbers);
    for (const precision of ["f32", "f16", "int8", "int4"] as const) {
      const dest = join(root, `${kind}-${precision}`);
      await convert(source, dest, { precision, adapters: "keep" });
      expect([precision, bytes[precision]]).toEqual([precision, contents(dest).bytes]);
    }
  });
});

test("the catalogue's models take at most 1.011 bytes a number in int8, and 0.75 to 0.89 in int4", () => {
  for (const { name, parameters } of catalogue) {
    const path = knownConfig(name);
    const size = sizeOf(modelOf(readJson(path), path));
    expect([name, size.parameters]).toEqual([name, parameters]);
    expect(size.bytes.int8 / parameters).toBeLessThan(1.011);
    expect(Math.abs(size.bytes.int4 / parameters - 0.82)).toBeLessThan(0.0701);
  }
});
