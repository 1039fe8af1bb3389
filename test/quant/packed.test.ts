/** Folders stored in few bits: the same answers as the numbers that the bytes stand for, and errors that say what is wrong. */
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { WeightError } from "../../src/errors.ts";
import { flops } from "../../src/graph/cost.ts";
import { type Outputs, order } from "../../src/graph/graph.ts";
import { input } from "../../src/graph/tensor.ts";
import { project } from "../../src/nn/layers.ts";
import { packed } from "../../src/quant/packed.ts";
import { convert } from "../../src/run/convert.ts";
import { openModel } from "../../src/run/model.ts";
import { readModel } from "../../src/run/models.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { formsOf, type StoredPrecision } from "../../src/run/storing.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { companions, companionTypes, pack4, turn } from "../../src/weights/packed.ts";
import { type Weights, weights } from "../../src/weights/path.ts";
import { openSafetensors, type StoredTensor, writeSafetensors } from "../../src/weights/safetensors.ts";
import { tinyConfig, tinyModel } from "../support/tiny-model.ts";
import { drawn, floats, gap, integers, value } from "../support/values.ts";

const root = mkdtempSync(join(tmpdir(), "galago-packed-"));
afterAll(() => rmSync(root, { recursive: true }));
const fresh = (): string => mkdtempSync(join(root, "m-"));
// Wide enough for blocks of 32 in every matrix, and a table that is also the head.
const base = tinyConfig();
const tied = {
  ...base.llm_config,
  model_type: "qwen2" as const,
  hidden_size: 64,
  intermediate_size: 96,
  tie_word_embeddings: true,
  rope_scaling: null,
};
const shapes = {
  "a model with a head of its own": { llm_config: { ...base.llm_config, hidden_size: 64, intermediate_size: 96 } },
  "a model whose head is its table": {
    template: "Hermes-2" as const,
    llm_config: { ...tied, use_sliding_window: false as const },
  },
};

const logitsOf = (w: Weights, folder: string): Outputs => {
  const model = readModel(folder);
  const language = model.language(w);
  const x = language.embed(input("ids", [1, 9], "i64"));
  const pass = { positions: input("positions", [1, 9], "i64") };
  return {
    logits: language.head(language.states(x, pass).at(-1)!),
    eyes: model.sight(input("pixels", [1, 3, 56, 56]), w, input("cells", [1, 3], "i64")),
  };
};

async function run(
  folder: string,
  change: (graph: Outputs) => Outputs,
): Promise<{ logits: Float32Array; eyes: Float32Array }> {
  const checkpoint = openCheckpoint(folder);
  const session = await ortNode({ folder, threads: 1 }).open(change(logitsOf(weights(checkpoint), folder)));
  const ids = integers(value([1, 9], 3, 80, 81, 82, 83, 84, 200, 201, 4));
  const positions = integers(value([1, 9], ...Array(9).keys()));
  const { logits, eyes } = await session.run({ ids, positions, pixels: floats(drawn([1, 3, 56, 56], 3)) });
  await session.close();
  checkpoint.close();
  return { logits: logits.data as Float32Array, eyes: eyes.data as Float32Array };
}

describe.each(Object.entries(shapes))("%s", (_, config) => {
  const source = tinyModel(fresh(), { config });
  test.each<[StoredPrecision, number]>([
    ["int8", 0.05],
    ["int4", 0.4],
  ])("in %s computes nearly what the floats do, from bytes alone", async (precision, tolerance) => {
    const dest = fresh();
    await convert(source, dest, { precision });
    const [exact, few] = [await run(source, (graph) => graph), await run(dest, packed)];
    expect(gap(few.logits, exact.logits)).toBeLessThan(tolerance);
    expect(gap(few.logits, exact.logits)).toBeGreaterThan(1e-4);
    expect(gap(few.eyes, exact.eyes)).toBeLessThan(0.03);
    const graph = packed(logitsOf(weights(openCheckpoint(dest)), dest));
    const floating = order(Object.values(graph)).filter(
      (x) => x.op === "param" && x.dtype === "f32" && x.shape.length === 2,
    );
    expect(floating.filter(({ attrs: { key } }) => !/[sS]cales$/.test(key))).toEqual([]);
    expect(flops(graph)).toBe(flops(logitsOf(weights(openCheckpoint(source)), source)));
    expect(statSync(join(dest, "model.safetensors")).size).toBeLessThan(
      0.5 * statSync(join(source, "model.safetensors")).size,
    );
  });

  test("answers through the whole path, and again the same bytes from the same source", async () => {
    const [a, b] = [fresh(), fresh()];
    for (const dest of [a, b]) await convert(source, dest, { precision: "int4" });
    const [one, two] = [a, b].map((folder) => readFileSync(join(folder, "model.safetensors")));
    expect(one.equals(two)).toBe(true);
    const model = await openModel(a, { threads: 1, precision: "int4" });
    const messages = [{ role: "user", content: "What?" }] as const;
    const answer = model.answer({ images: [], messages }, { maxTokens: 3 });
    let step = await answer.next();
    while (!step.done) step = await answer.next();
    expect(step.value.usage.completion_tokens).toBeGreaterThan(0);
    await model.close();
  });
});

describe("a packed file that is not whole names what is wrong", () => {
  const source = tinyModel(fresh(), { config: shapes["a model with a head of its own"] });
  const key = "language_model.model.layers.0.feed_forward.w1.weight";
  const change = async (edit: (tensors: Map<string, StoredTensor>) => void): Promise<string> => {
    const dest = fresh();
    await convert(source, dest, { precision: "int8" });
    const file = openSafetensors(join(dest, "model.safetensors"));
    const tensors = new Map<string, StoredTensor>(
      [...file.entries].map(([key, { dtype, shape }]) => [key, { dtype, shape, data: file.read(key) }]),
    );
    file.close();
    edit(tensors);
    const bad = fresh();
    cpSync(dest, bad, { recursive: true });
    writeSafetensors(join(bad, "model.safetensors"), tensors);
    return bad;
  };
  test.each<[string, (tensors: Map<string, StoredTensor>) => void, RegExp]>([
    [
      "without its scales",
      (t) => t.delete(`${key}.columnScales`),
      /w1\.weight" is stored as columns8, but columnScales is missing, f32 \[96\] was expected; convert/,
    ],
    [
      "of another shape",
      (t) => t.set(`${key}.columns8`, { dtype: "I8", shape: [64, 2], data: new Int8Array(128) }),
      /w1\.weight" is stored as columns8/,
    ],
    ["without the numbers", (t) => t.delete(`${key}.columns8`), /no weight ".*w1\.weight"/],
    [
      "with scales of nothing",
      (t) => t.set("more.scales", { dtype: "F32", shape: [1], data: new Float32Array(1) }),
      /leaves 1 unused: more\.scales/,
    ],
    [
      "with one too many",
      (t) => t.set("more.columns8", { dtype: "I8", shape: [1, 1], data: new Int8Array(1) }),
      /leaves 1 unused: more/,
    ],
  ])("%s", async (_, edit, message) => {
    const opened = openModel(await change(edit), { threads: 1 });
    await expect(opened).rejects.toThrow(message);
    await expect(opened).rejects.toThrow(WeightError);
  });
});

test("four bits are for the MLP: what attention takes and gives, and the logits, keep eight, whatever they are called", () => {
  for (const config of Object.values(shapes)) {
    const folder = tinyModel(fresh(), { config });
    const { logits, eyes } = logitsOf(weights(openCheckpoint(folder)), folder);
    const forms = formsOf({ words: { logits }, eyes: { eyes } }, "int4");
    const four = [...forms].filter(([, own]) => own.includes("blocks4")).map(([key]) => key);
    const mlp = [...forms.keys()].filter((key) => /\.(w[123]|(gate|up|down)_proj)\.weight$/.test(key));
    expect(mlp).toHaveLength(6);
    expect(four.sort()).toEqual(mlp.sort());
  }
});

test("products with stored blocks of 4 bits are those with the numbers that they stand for, an odd number of blocks too", async () => {
  const folder = fresh();
  const [n, m, t] = [5, 96, 3];
  const w = Float32Array.from(drawn([n, m], 1).data);
  const types = companionTypes("blocks4", [n, m]);
  const parts = await pack4([w], [n, m]);
  writeSafetensors(
    join(folder, "model.safetensors"),
    companions("w.weight", "blocks4").map((name, i) => [name, { ...types[i], data: parts[i] }] as const),
  );
  const x = drawn([t, m], 2);
  const graph = packed({ y: project(input("x", [t, m]), weights(openCheckpoint(folder)).w, n) });
  const session = await ortNode({ folder, threads: 1 }).open(graph);
  const { y } = await session.run({ x: floats(x) });
  await session.close();
  const [numbers, scales, zeros] = parts;
  const nibble = (bytes: Uint8Array, i: number): number => (bytes[i >> 1] >> (4 * (i & 1))) & 15;
  const turned = Float32Array.from(x.data);
  turn(turned, m);
  const expected = Array.from({ length: t * n }, (_, at) => {
    const [row, j] = [Math.floor(at / n), at % n];
    return Array.from({ length: m }, (_, i) => {
      const b = Math.floor(i / 32);
      const own = (nibble(numbers, j * m + i) - nibble(zeros.subarray(2 * j), b)) * scales[3 * j + b];
      return turned[row * m + i] * own;
    }).reduce((a, b) => a + b);
  });
  expect(gap(y.data as Float32Array, expected)).toBeLessThan(1e-5);
  const exact = Array.from({ length: t * n }, (_, at) =>
    w.subarray((at % n) * m, ((at % n) + 1) * m).reduce((sum, v, i) => sum + v * x.data[Math.floor(at / n) * m + i], 0),
  );
  expect(gap(y.data as Float32Array, exact)).toBeLessThan(0.2);
});
