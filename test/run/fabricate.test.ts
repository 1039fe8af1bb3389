/** Fabricated models are published models in all but their numbers. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { convert } from "../../src/run/convert.ts";
import { fabricate } from "../../src/run/fabricate.ts";
import { openModel } from "../../src/run/model.ts";
import { knownConfig } from "../../src/run/models.ts";
import { openPublished } from "../../src/weights/published.ts";
import { tinyConfig } from "../support/tiny-model.ts";
import { golden } from "../vision/golden.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-fabricate-"));
afterAll(() => rmSync(folder, { recursive: true }));
const config = join(folder, "tiny.json");
const tiny = tinyConfig();
writeFileSync(config, JSON.stringify({ ...tiny, torch_dtype: "bfloat16" }));

const made = async (name: string, seed: number, shardBytes?: number): Promise<string> => {
  const out = join(folder, name);
  await fabricate(config, out, { seed, shardBytes });
  return out;
};
const bytes = (model: string): Buffer => readFileSync(join(model, "model.safetensors"));

test("the same seed gives the same bytes, another seed others", async () => {
  const [a, again, b] = [await made("a", 1), await made("again", 1), await made("b", 2)].map(bytes);
  expect(a.equals(again)).toBe(true);
  expect(a.equals(b)).toBe(false);
});

test("a model of several files converts to what one file gives, and answers", async () => {
  const [one, many] = [await made("one", 3), await made("many", 3, 20_000)];
  const { weight_map } = JSON.parse(readFileSync(join(many, "model.safetensors.index.json"), "utf8"));
  expect(new Set(Object.values(weight_map)).size).toBeGreaterThan(3);
  for (const source of [one, many]) await convert(source, `${source}-f32`, { precision: "f32" });
  expect(bytes(`${one}-f32`).equals(bytes(`${many}-f32`))).toBe(true);
  const model = await openModel(`${many}-f32`, { threads: 1 });
  const image = fileURLToPath(golden("resize/noise_33x47.png"));
  const messages = [{ role: "user", content: "<image>\nWhat?" }] as const;
  const answer = model.answer({ images: [{ name: "noise", image }], messages }, { maxTokens: 3 });
  let step = await answer.next();
  while (!step.done) step = await answer.next();
  expect(step.value.usage.completion_tokens).toBeGreaterThan(0);
  await model.close();
});

test("weights are BF16, spread as the model begins, and norms have loud channels", async () => {
  const published = await openPublished(await made("c", 4));
  const values = (key: string): Float32Array => [...published.pieces(key)][0] as Float32Array;
  const [head, norm] = ["language_model.output.weight", "language_model.model.norm.weight"].map(values);
  const deviation = Math.sqrt(head.reduce((sum, v) => sum + v * v, 0) / head.length);
  expect(deviation * Math.sqrt(tiny.llm_config.hidden_size)).toBeCloseTo(1, 1);
  expect(published.entries.get("language_model.output.weight")?.dtype).toBe("BF16");
  const wide = join(folder, "wide.json");
  const llm_config = { ...tiny.llm_config, hidden_size: 1024 };
  writeFileSync(wide, JSON.stringify({ ...tiny, llm_config, torch_dtype: "float16" }));
  await fabricate(wide, join(folder, "wide"), { seed: 1 });
  const loud = await openPublished(join(folder, "wide"));
  const gains = [...loud.pieces("language_model.model.norm.weight")][0] as Float32Array;
  expect(gains.filter((v) => v > 6)).toHaveLength(4);
  expect(norm.every((v) => v > 0.8)).toBe(true);
  published.close();
  loud.close();
});

test("a model that is not known is refused with the names there are", () => {
  expect(() => knownConfig("smolvm")).toThrow(/no published model "smolvm" is known here; there are .*mini-monkey/);
});
