/** Folders of weights: what is found in them, and what is wrong with those that are none. */
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { FormatError, RequestError, WeightError } from "../../src/errors.ts";
import { openCheckpoint, openEnded } from "../../src/weights/checkpoint.ts";
import { checkFinite } from "../../src/weights/finite.ts";
import type { Dtype } from "../../src/weights/header.ts";
import { cure, param, weights } from "../../src/weights/path.ts";
import { writeSafetensors } from "../../src/weights/safetensors.ts";
import type { Values } from "../../src/weights/values.ts";

const root = mkdtempSync(join(tmpdir(), "galago-checkpoint-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A folder with these files of these weights. */
function folder(files: Record<string, Record<string, [Dtype, number[], Values]>> = {}): string {
  const made = mkdtempSync(join(root, "model-"));
  for (const [name, tensors] of Object.entries(files))
    writeSafetensors(
      join(made, name),
      Object.entries(tensors).map(([key, [dtype, shape, data]]) => [key, { dtype, shape, data }] as const),
    );
  return made;
}

const floats = (...numbers: number[]): [Dtype, number[], Values] => [
  "F32",
  [numbers.length],
  Float32Array.from(numbers),
];
const initial = { value: 0 };

test("the weights of a folder are those of all its files, each with the place of its bytes", () => {
  const made = folder({
    "model-1.safetensors": { a: floats(1, 2), b: ["BF16", [1, 2], Float32Array.of(3, 4)] },
    "model-2.safetensors": { c: ["I8", [3], Int8Array.of(5, 6, 7)] },
  });
  writeFileSync(join(made, "config.json"), "{}");
  const checkpoint = openCheckpoint(made);
  expect([...checkpoint.keys()].sort()).toEqual(["a", "b", "c"]);
  const w = weights(checkpoint);
  const b = param(w.b, [1, 2], initial);
  expect(b.attrs.at).toMatchObject({ file: "model-1.safetensors", length: 4, dtype: "bf16" });
  expect(b.dtype).toBe("f32");
  expect(param(w.c, [3], initial, "i8").attrs.at).toMatchObject({ file: "model-2.safetensors", length: 3 });
  expect(checkpoint.file("a").read("a")).toEqual(Float32Array.of(1, 2));
  checkpoint.close();
});

test("only the files that are named are opened", () => {
  const made = folder({ "weights.safetensors": { a: floats(1) }, "inputs.safetensors": { x: floats(2) } });
  const checkpoint = openCheckpoint(made, ["weights.safetensors"]);
  expect([...checkpoint.keys()]).toEqual(["a"]);
  checkpoint.close();
});

describe("a folder that is no model is refused", () => {
  test("because it is not there", () => {
    expect(() => openCheckpoint(join(root, "nowhere"))).toThrow(
      new RequestError(`${join(root, "nowhere")}: no such folder`, 404),
    );
  });

  test("because it holds no weights", () => {
    const made = folder();
    mkdirSync(join(made, "weights"));
    expect(() => openCheckpoint(made)).toThrow(`${made} holds no model: no *.safetensors file was found there`);
  });

  test("because a file is cut short", () => {
    const made = folder({ "model.safetensors": { a: floats(1, 2, 3, 4) } });
    truncateSync(join(made, "model.safetensors"), 70);
    expect(() => openCheckpoint(made)).toThrow(FormatError);
    expect(() => openCheckpoint(made)).toThrow(`${join(made, "model.safetensors")}: `);
  });

  test("because a shard that its index lists is not there", () => {
    const [one, two] = ["model-1-of-2.safetensors", "model-2-of-2.safetensors"];
    const made = folder({ [one]: { a: floats(1) } });
    const index = join(made, "model.safetensors.index.json");
    writeFileSync(index, JSON.stringify({ weight_map: { a: one, b: two } }));
    expect(() => openCheckpoint(made)).toThrow(
      new FormatError(`${made}: model.safetensors.index.json lists ${two}, which is not there; download it too`),
    );
  });

  test("because two files hold the same key", () => {
    const made = folder({ "one.safetensors": { a: floats(1) }, "two.safetensors": { a: floats(1) } });
    expect(() => openCheckpoint(made)).toThrow(
      new WeightError(`"a" is in two files of ${made}: two.safetensors and another; keep one`),
    );
  });
});

test("a weight of another shape is an error that names the folder", () => {
  const made = folder({ "model.safetensors": { a: floats(1, 2) } });
  const checkpoint = openCheckpoint(made);
  expect(() => param(weights(checkpoint).a, [3], initial)).toThrow(
    new WeightError(`"a" is [2] in ${made}, [3] in the model; ${cure}`),
  );
  checkpoint.close();
});

test("a type that nothing computes with is named", () => {
  const checkpoint = openCheckpoint(folder({ "model.safetensors": { a: ["F64", [1], Float64Array.of(1)] } }));
  expect(() => param(weights(checkpoint).a, [1], initial)).toThrow(
    /"a" is stored as F64, .* F32, F16 or BF16 was expected/,
  );
  checkpoint.close();
});

describe("a weight that is no number is found", () => {
  test.each<[string, [Dtype, number[], Values]]>([
    ["F32", floats(0, 1, Number.NaN)],
    ["F16", ["F16", [3], Float32Array.of(0, 1, Number.POSITIVE_INFINITY)]],
    ["BF16", ["BF16", [3], Float32Array.of(0, 1, Number.NaN)]],
  ])("%s", (_, bad) => {
    const made = folder({ "model.safetensors": { fine: floats(1), bad } });
    const checkpoint = openCheckpoint(made);
    expect(() => checkFinite(checkpoint)).toThrow(
      new WeightError(
        `"bad" holds NaN or infinity at 2; expected numbers: fetch or convert ${join(made, "model.safetensors")} again`,
      ),
    );
    checkpoint.close();
  });

  test("and there is none where all are", () => {
    const checkpoint = openCheckpoint(folder({ "model.safetensors": { a: floats(1, -3e38, 0) } }));
    expect(() => checkFinite(checkpoint)).not.toThrow();
    checkpoint.close();
  });
});

test("an open-ended source says which weights a model needs and how they begin", () => {
  const source = openEnded();
  const w = weights(source);
  param(w.fc.weight, [3, 2], { deviation: 0.1 });
  param(w.fc.bias, [3], { value: 0 });
  param(w.fc.weight, [3, 2], { deviation: 0.1 });
  expect([...source.wanted]).toEqual([
    ["fc.weight", { shape: [3, 2], initial: { deviation: 0.1 } }],
    ["fc.bias", { shape: [3], initial: { value: 0 } }],
  ]);
});
