/** Timed stages: what is reported of their values, and that a model's stages are those it can run. */
import { expect, test } from "vitest";
import { limitStages, measure, modelStages, type Stage } from "../../src/eval/speed.ts";
import { graphsOf } from "../../src/run/graphs.ts";
import { modelFolder, readModel } from "../../src/run/models.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";

/** A stage that shows these values, one a round, and writes down when. */
const shows = (name: string, values: number[], order: string[] = [], share?: Stage["share"]): Stage => {
  const left = [...values];
  return {
    name,
    unit: "tokens/s",
    ...(share && { share }),
    measure: async () => {
      order.push(name);
      return left.shift()!;
    },
  };
};

test("stages take turns: every one once a round", async () => {
  const order: string[] = [];
  await measure([shows("a", [1, 2, 3], order), shows("b", [1, 2, 3], order)], 3);
  expect(order.join("")).toBe("ababab");
});

test("a figure is the median, with the quartiles, of its values in the order of the rounds", async () => {
  const [figure] = await measure([shows("a", [9, 1, 5, 7, 3])], 5);
  expect(figure).toMatchObject({ values: [9, 1, 5, 7, 3], median: 5, spread: [3, 7] });
});

test("a share is of the limit that was measured in the same rounds: 4 tokens of 3 units each are 60% of 20", async () => {
  const limit = shows("f32 products", [10, 20, 30]);
  const [, figure] = await measure([limit, shows("a", [2, 4, 6], [], { of: "f32", each: 3 })], 3);
  expect(figure.share).toEqual({ of: "f32", value: 0.6 });
});

test("without its limit among the stages a figure has no share", async () => {
  const [figure] = await measure([shows("a", [1], [], { of: "f32", each: 3 })], 1);
  expect(figure.share).toBeUndefined();
});

test("nano's stages are tiles and, for each length that it can read, prompt and answer; all of them and the limits run", async () => {
  const folder = modelFolder("nano");
  const checkpoint = openCheckpoint(folder);
  const model = readModel(folder);
  const engine = ortNode({ folder, threads: 1 });
  const own = await modelStages(engine, graphsOf(checkpoint, model, "f32"), model, [16, model.longest]);
  const limits = await limitStages(engine);
  const figures = await measure([...limits.stages, ...own.stages], 1);
  await own.close();
  await limits.close();
  checkpoint.close();
  const names = figures.map(({ name }) => name);
  expect(names).toEqual(["f32 products", "int8 products", "memory read", "tiles", "prefill 16", "decode 16"]);
  expect(figures.every(({ median }) => Number.isFinite(median) && median > 0)).toBe(true);
  expect(figures.slice(3).map(({ share }) => share?.of)).toEqual(["f32", "f32", "memory"]);
});
