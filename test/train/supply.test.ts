/** Samples from worker threads are the samples of their numbers, in order, whatever was made ahead. */
import { expect, test } from "vitest";
import { feed } from "../../src/train/feed.ts";
import { tokens } from "../../src/train/tokens.ts";
import { built } from "../support/built.ts";
import { tinyConfig } from "./tiny.ts";

const fromBuild = (): Promise<typeof import("../../src/train/supply.ts")> => import(built("train/supply.js").href);

test("two threads hand out the samples that one would draw, across gaps and phases", async () => {
  const { supply } = await fromBuild();
  const { phases } = tinyConfig("out");
  const config = { ...tinyConfig("out", { workers: 2 }), phases: [phases[0], { ...phases[0], name: "more words" }] };
  const samples = supply(config);
  try {
    for (const [phase, index] of [
      [0, 3],
      [0, 4],
      [0, 7],
      [1, 0],
      [1, 1],
    ])
      expect(await samples.take(phase, index)).toEqual(await feed(config, tokens(config).tokenizer)(phase, index));
  } finally {
    await samples.close();
  }
});

test("a sample that cannot be drawn is an error that names it", async () => {
  const { supply } = await fromBuild();
  const config = tinyConfig("out", {}, { mixture: [{ kind: "word", tiles: "hexagons" }] });
  const samples = supply(config);
  try {
    await expect(samples.take(0, 5)).rejects.toThrow(/^sample 5: .*hexagons/);
  } finally {
    await samples.close();
  }
});
