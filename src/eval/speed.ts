/** How fast a model is on this machine, figure by figure, and what the machine itself could do. */
import { flops, readBytes } from "../graph/cost.ts";
import type { Engine, Session } from "../graph/engine.ts";
import { type Outputs, order } from "../graph/graph.ts";
import { constant, input } from "../graph/tensor.ts";
import type { Multimodal } from "../models/multimodal.ts";
import type { Cell } from "../models/visual-position.ts";
import type { Graphs } from "../run/graphs.ts";
import { chunk, openLanguage, type Seat, visual } from "../run/language.ts";
import type { Model } from "../run/model.ts";
import { openSight, type Sight, tilesAtOnce } from "../run/sight.ts";
import type { Image } from "../vision/image.ts";
import { median } from "./metrics.ts";

/** A limit of the machine, in units of 10⁹ a second: products of floats, products of bytes, bytes out of memory. */
type Limit = "f32" | "int8" | "memory";

/** Something that can be timed again and again. */
export interface Stage {
  /** Such as "prefill 512"; a peer measures what it calls by the same name. */
  readonly name: string;
  readonly unit: string;
  /** What the run shows, in the unit; more is better, but for times. */
  measure(): Promise<number>;
  /** Of which limit a value is a share, and how much of it (10⁹ operations or bytes a second) one unit stands for. */
  readonly share?: { readonly of: Limit; readonly each: number };
}

/** A timed stage: all its values, and the middle of them. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  readonly median: number;
  /** The first and third quartile. */
  readonly spread: readonly [number, number];
  /** Share of the machine's own limit, measured in the same rounds. */
  readonly share?: { readonly of: Limit; readonly value: number };
}

const now = (): number => performance.now();
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = now();
  await work();
  return (now() - begun) / 1000;
};

/** Measures every stage once a round, one after the other, so that a noisy machine favours none. */
export async function measure(stages: readonly Stage[], rounds: number, onStage?: () => void): Promise<Figure[]> {
  const values = stages.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, stage] of stages.entries()) {
      values[i].push(await stage.measure());
      onStage?.();
    }
  const limits = new Map(stages.map(({ name }, i) => [name, median(values[i])]));
  return stages.map(({ name, unit, share }, i) => {
    const limit = share && limits.get(limitNames[share.of]);
    const made = figure(name, unit, values[i]);
    return limit ? { ...made, share: { of: share.of, value: (made.median * share.each) / limit } } : made;
  });
}

/** The values with their median and quartiles. */
export function figure(name: string, unit: string, values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const quartile = (q: number): number => sorted[Math.round(q * (sorted.length - 1))];
  return { name, unit, values, median: median(values), spread: [quartile(0.25), quartile(0.75)] };
}

const limitNames: Record<Limit, string> = { f32: "f32 products", int8: "int8 products", memory: "memory read" };

/** Sides of the products that stand for the machine's rate: those of a language model's layer. */
const [tokens, wide] = [512, 2048];
/** Rows and columns of the matrix that is read from memory: 256 MB, more than any cache holds. */
const [rows, columns] = [4096, 16384];

/** The machine's own limits as stages: f32 and 8-bit products of [512, 2048] by [2048, 2048], and bytes a second of one row by a matrix of 256 MB. */
export async function limitStages(engine: Engine): Promise<{ stages: Stage[]; close(): Promise<void> }> {
  const few = (y: ReturnType<typeof input>) => y.maximum();
  const x = input("x", [tokens, wide]);
  const floats = constant(new Float32Array(wide * wide).fill(0.01), [wide, wide]);
  const bytes = constant(new Int8Array(wide * wide).fill(3), [wide, wide], "i8");
  const scales = constant(new Float32Array(wide).fill(0.01), [wide]);
  const line = input("line", [1, rows]);
  const big = constant(new Int8Array(rows * columns * 4).fill(3), [rows, columns * 4], "i8");
  const bigScales = constant(new Float32Array(columns * 4).fill(0.01), [columns * 4]);
  const graphs: [Limit, Outputs, string, number[], number][] = [
    ["f32", { y: few(x.matmul(floats)) }, "x", [tokens, wide], (2 * tokens * wide * wide) / 1e9],
    ["int8", { y: few(x.apply("product8", [bytes, scales])) }, "x", [tokens, wide], (2 * tokens * wide * wide) / 1e9],
    ["memory", { y: few(line.apply("product8", [big, bigScales])) }, "line", [1, rows], (rows * columns * 4) / 1e9],
  ];
  const open: { limit: Limit; session: Session; run(): Promise<unknown>; work: number }[] = [];
  for (const [limit, outputs, name, shape, work] of graphs) {
    const session = await engine.open(outputs);
    const data = new Float32Array(shape[0] * shape[1]).fill(0.5);
    const run = () => session.run({ [name]: { dtype: "f32", shape, data } });
    await run();
    open.push({ limit, session, run, work });
  }
  return {
    stages: open.map(({ limit, run, work }) => ({
      name: limitNames[limit],
      unit: limit === "memory" ? "GB/s" : "G/s",
      measure: async () => work / (await fastest(run, 5)),
    })),
    close: async () => {
      for (const { session } of open) await session.close();
    },
  };
}

/** The least seconds of a few runs: a limit is what the machine can do. */
async function fastest(run: () => Promise<unknown>, times: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) least = Math.min(least, await seconds(run));
  return least;
}

/** Steps that are averaged into one value of decode. */
const steps = 8;

/** Figures of a whole model, once a round: opening its folder, and a page of 1240 × 1754 pixels to the first word of an answer. Milliseconds. */
export async function wholeFigures(
  open: () => Promise<Model>,
  rounds: number,
  onRound?: () => void,
): Promise<Figure[]> {
  const page = stripes(1240, 1754);
  const [load, first]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    let model: Model | undefined;
    load.push(1000 * (await seconds(async () => (model = await open()))));
    first.push(1000 * (await seconds(() => firstWord(model!, page))));
    await model!.close();
    onRound?.();
  }
  return [figure("load", "ms", load), figure("image to first token", "ms", first)];
}

async function firstWord(model: Model, image: Image): Promise<void> {
  const asked = {
    images: [{ name: "page", image }],
    messages: [{ role: "user" as const, content: "Read all the text." }],
  };
  for await (const _ of model.answer(asked, { temperature: 0, maxTokens: 1 }));
}

/** A page with something on every tile: dark stripes of uneven lengths. */
function stripes(width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3).fill(255);
  for (let y = 60; y < height - 60; y += 30)
    for (let line = 0; line < 12; line++) {
      const from = 3 * ((y + line) * width + 80);
      data.fill(20, from, from + 3 * (400 + ((37 * y) % (width - 560))));
    }
  return { width, height, data };
}

/** A model's graphs as stages: tiles through tower and connector, a prompt of each length that the model can read, steps after it. */
export async function modelStages(
  engine: Engine,
  { eyes, words }: Graphs,
  model: Multimodal,
  lengths: readonly number[],
): Promise<{ stages: Stage[]; close(): Promise<void> }> {
  const sight = await openSight(engine, eyes, model);
  const language = await openLanguage(engine, words, model, visual);
  const seat = await language.take({ ids: [], features: new Float32Array() });
  const bytes = order(Object.values(words)).some(
    ({ op }) => op === "product8" || op === "project8" || op === "product4",
  );
  const of: Limit = bytes ? "int8" : "f32";
  const texts = lengths.filter((n) => n + steps * 2 < model.longest);
  return {
    stages: [tileStage(sight, eyes, model, of), ...texts.flatMap((n) => textStages(seat, words, n, of))],
    close: async () => {
      await sight.close();
      await language.close();
    },
  };
}

function tileStage(sight: Sight, eyes: Outputs, model: Multimodal, of: Limit): Stage {
  const tiles = tilesAtOnce(model);
  const pixels = Float32Array.from({ length: tiles * 3 * model.tileSize ** 2 }, (_, i) => Math.sin(i * 0.37));
  const cells = Array<Cell>(tiles).fill([0, 0, 0]);
  // As a rate, so that the share is of the rate of products.
  return {
    name: "tiles",
    unit: "tiles/s",
    share: { of, each: flops(eyes, { tiles: 1 }) / 1e9 },
    measure: async () => tiles / (await seconds(() => sight.see(pixels, cells))),
  };
}

/** Reading `n` tokens, then writing a few after them. */
function textStages(seat: Seat, words: Outputs, n: number, of: Limit): Stage[] {
  const ids = Array.from({ length: n }, (_, i) => 32 + (i % 90));
  // Another beginning each time: what begins as the prompt before would not be read again.
  let turn = 0;
  const prompt = () => ({ ids: [32 + (turn++ % 90), ...ids.slice(1)], features: new Float32Array() });
  const at = { rows: 1, tokens: Math.min(chunk, n), visual: 1, room: n };
  const reading = flops(words, at) / at.tokens;
  return [
    {
      name: `prefill ${n}`,
      unit: "tokens/s",
      share: { of, each: reading / 1e9 },
      measure: async () => n / (await seconds(() => seat.prefill(prompt()))),
    },
    {
      name: `decode ${n}`,
      unit: "tokens/s",
      share: { of: "memory", each: readBytes(words, { ...at, tokens: 1 }) / 1e9 },
      // The cache holds what the stage before has read, and the steps of earlier rounds are gone with it.
      measure: async () => {
        const begun = now();
        for (let i = 0; i < steps; i++) await seat.step(40 + i);
        return (1000 * steps) / (now() - begun);
      },
    },
  ];
}
