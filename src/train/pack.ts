/** Samples to batches of static shape: rows padded, tiles side by side over all rows. */
import { before, slots } from "../data/dense.ts";
import type { Feeds, Values } from "../graph/engine.ts";
import type { MiniMonkeyConfig } from "../models/mini-monkey.ts";
import { normalise } from "../vision/tiles.ts";
import type { BatchShape } from "./objective.ts";
import type { Sample } from "./sample.ts";

/** Samples waiting for a batch of each shape, by their numbers in the data. */
export class Packer {
  private readonly waiting: Map<number, Sample>[];
  readonly shapes: readonly BatchShape[];
  constructor(shapes: readonly BatchShape[]) {
    this.shapes = [...shapes].sort((a, b) => a.tokens - b.tokens);
    this.waiting = this.shapes.map(() => new Map());
  }

  /** Takes a sample; returns the batch that had to be closed before it fitted, if any. A sample too large for every shape is left out, and one without a question,
   *  whose tiles would be taken for the next row's. */
  add(index: number, sample: Sample): { shape: number; samples: Sample[] } | undefined {
    const tiles = tilesOf(sample);
    const shape = this.shapes.findIndex((s) => sample.ids.length <= s.tokens && tiles <= s.tiles);
    if (shape < 0 || !sample.ids.length) return undefined;
    const queue = this.waiting[shape];
    const full =
      queue.size === this.shapes[shape].rows ||
      sum([...queue.values()].map(tilesOf)) + tiles > this.shapes[shape].tiles;
    const closed = full ? { shape, samples: [...queue.values()] } : undefined;
    if (full) queue.clear();
    queue.set(index, sample);
    return closed;
  }

  /** Numbers of the samples that wait: with the next number, the position in the data. */
  pending(): number[] {
    return this.waiting.flatMap((queue) => [...queue.keys()]).sort((a, b) => a - b);
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const tilesOf = (sample: Sample): number => sample.count;

/** What a step is fed for a batch: missing rows are padding, missing tiles are grey. */
export function feeds(samples: readonly Sample[], shape: BatchShape, c: MiniMonkeyConfig): Feeds {
  const s = c.force_image_size;
  const patches = (s / c.vision_config.patch_size) ** 2;
  const tiles = new Uint8Array(shape.tiles * s * s * 3).fill(127);
  const labels = patches * slots;
  const dense = new BigInt64Array(shape.tiles * labels).fill(-1n);
  const seen = samples.some((sample) => sample.tiles.length);
  let at = 0;
  for (const sample of samples) {
    tiles.set(sample.tiles, at * s * s * 3);
    sample.dense.forEach((label, i) => {
      dense[at * labels + i] = BigInt(label);
    });
    at += sample.count;
  }
  const row = (pick: (sample: Sample) => readonly number[], filler: number): Values =>
    padded(samples.map(pick), shape, filler);
  return {
    ...(seen && { pixels: { dtype: "f32", shape: [shape.tiles, 3, s, s], data: normalise(tiles, shape.tiles, s) } }),
    dense: { dtype: "i64", shape: [shape.tiles, patches, slots], data: dense },
    ids: row((sample) => sample.ids, 0),
    targets: row((sample) => sample.targets, -1),
    positions: row((sample) => sample.positions, 0),
    segments: row((sample) => sample.segments, -1),
    before: {
      dtype: "i64",
      shape: [shape.rows, shape.tokens, before],
      data: padded(
        samples.map((sample) => sample.before),
        { ...shape, tokens: shape.tokens * before },
        -1,
      ).data,
    },
  };
}

function padded(rows: readonly (readonly number[])[], { rows: b, tokens: t }: BatchShape, filler: number): Values {
  const data = new BigInt64Array(b * t).fill(BigInt(filler));
  rows.forEach((row, i) => {
    row.forEach((value, j) => {
      data[i * t + j] = BigInt(value);
    });
  });
  return { dtype: "i64", shape: [b, t], data };
}
