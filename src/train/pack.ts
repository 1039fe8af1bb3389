/** Samples to batches of static shape: rows padded, tiles side by side over all rows. */
import { before, slots } from "../data/dense.ts";
import type { Feeds, Values } from "../graph/engine.ts";
import { total } from "../graph/value.ts";
import type { MiniMonkeyConfig } from "../models/mini-monkey.ts";
import { imageNet, type Normal, normalise } from "../vision/tiles.ts";
import type { BatchShape } from "./losses.ts";
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

/** What a step is fed for a batch: missing rows are padding, missing tiles are grey; no pixels where labels stand for them. */
export function feeds(samples: readonly Sample[], shape: BatchShape, c: MiniMonkeyConfig): Feeds {
  const s = c.force_image_size;
  const patches = (s / c.vision_config.patch_size) ** 2;
  return {
    ...(samples.some(({ tiles }) => tiles.length) && { pixels: pixels(samples, shape.tiles, s, imageNet) }),
    dense: dense(samples, [shape.tiles, patches, slots]),
    cells: padded(
      samples.flatMap(({ cells }) => cells),
      [shape.tiles, 3],
      0,
    ),
    ...rowsOf(samples, shape),
    looks: padded(
      samples.map(({ looks }) => looks),
      [shape.rows, shape.tokens],
      -1,
    ),
    before: padded(
      samples.map((sample) => sample.before),
      [shape.rows, shape.tokens, before],
      -1,
    ),
  };
}

/** The tokens of a batch and what is told of them. */
export function rowsOf(samples: readonly Sample[], shape: BatchShape): Feeds {
  const row = (pick: (sample: Sample) => readonly number[], filler: number): Values =>
    padded(samples.map(pick), [shape.rows, shape.tokens], filler);
  return {
    ids: row((sample) => sample.ids, 0),
    targets: row((sample) => sample.targets, -1),
    positions: row((sample) => sample.positions, 0),
    segments: row((sample) => sample.segments, -1),
    shares: shares(samples, shape),
  };
}

/** 1/√x for each token of an answer of x tokens, 0 elsewhere (InternVL 2.5, arXiv 2412.05271, section 3.3: square averaging). [b, t]. */
function shares(samples: readonly Sample[], { rows, tokens }: BatchShape): Values {
  const data = new Float32Array(rows * tokens);
  samples.forEach(({ targets, answers }, row) => {
    const lengths = new Map<number, number>();
    targets.forEach((target, i) => {
      if (target >= 0) lengths.set(answers[i], (lengths.get(answers[i]) ?? 0) + 1);
    });
    targets.forEach((target, i) => {
      if (target >= 0) data[row * tokens + i] = lengths.get(answers[i])! ** -0.5;
    });
  });
  return { dtype: "f32", shape: [rows, tokens], data };
}

/** The tiles of a batch, normalised. */
export function pixels(samples: readonly Sample[], n: number, s: number, normal: Normal): Values {
  const tiles = new Uint8Array(n * s * s * 3).fill(127);
  let at = 0;
  for (const sample of samples) {
    tiles.set(sample.tiles, at);
    at += sample.tiles.length;
  }
  return { dtype: "f32", shape: [n, 3, s, s], data: normalise(tiles, n, s, normal) };
}

function dense(samples: readonly Sample[], shape: readonly number[]): Values {
  const data = new BigInt64Array(total(shape)).fill(-1n);
  let at = 0;
  for (const sample of samples) for (const label of sample.dense) data[at++] = BigInt(label);
  return { dtype: "i64", shape, data };
}

/** Rows filled up to the size that the other axes make together. */
export function padded(rows: readonly (readonly number[])[], shape: readonly number[], filler: number): Values {
  const width = total(shape.slice(1));
  const data = new BigInt64Array(total(shape)).fill(BigInt(filler));
  rows.forEach((row, i) => {
    row.forEach((value, j) => {
      data[i * width + j] = BigInt(value);
    });
  });
  return { dtype: "i64", shape, data };
}
