/** Whole runs of a tiny model: they learn, they continue as if never stopped, and nothing half-written stays. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { Random } from "../../src/data/random.ts";
import { FormatError, WeightError } from "../../src/errors.ts";
import { paramsOf } from "../../src/graph/graph.ts";
import type { MiniMonkeyConfig } from "../../src/models/mini-monkey.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { concluded } from "../../src/text/worked.ts";
import { parseTrainConfig, type TrainConfig } from "../../src/train/config.ts";
import { dropPath } from "../../src/train/drop-path.ts";
import { feed } from "../../src/train/feed.ts";
import { type Metrics, rate, type Supply } from "../../src/train/loop.ts";
import { objective } from "../../src/train/objective.ts";
import { run } from "../../src/train/run.ts";
import { tokens } from "../../src/train/tokens.ts";
import { openCheckpoint, openEnded } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { openSafetensors } from "../../src/weights/safetensors.ts";
import { tinyConfig, tinyModel } from "./tiny.ts";

const folders: string[] = [];
function folder(): string {
  folders.push(mkdtempSync(join(tmpdir(), "galago-train-")));
  return folders.at(-1)!;
}
afterEach(() => {
  vi.restoreAllMocks();
  for (const path of folders.splice(0)) rmSync(path, { recursive: true });
});

const engine = ortNode({ threads: 1 });
const direct = (config: TrainConfig): Supply => ({ take: feed(config, tokens(config).tokenizer) });

const metricsOf = (out: string): Metrics[] =>
  readFileSync(join(out, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Losses of a run; it is interrupted after each of the given numbers of steps and then continued. */
async function losses(config: TrainConfig, stops: readonly number[] = []): Promise<number[]> {
  const seen: number[] = [];
  for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
    const control = new AbortController();
    const onStep = (m: Metrics): void => {
      seen.push(m.loss);
      if (seen.length === stop) control.abort();
    };
    await run(config, engine, direct(config), { signal: control.signal, onStep });
  }
  return seen;
}

test("a run stopped twice continues with the identical losses, across phases and with micro-batches", async () => {
  const phases = [
    {
      name: "spell",
      sight: "labels",
      steps: 2,
      lr: [1e-2, 1e-2],
      shapes: [{ rows: 2, tokens: 96, tiles: 4 }],
      mixture: [{ kind: "word", tiles: "single" }],
    },
    {
      name: "letters",
      steps: 3,
      lr: [1e-2, 1e-2],
      answer: 0,
      dense: 1,
      shapes: [{ rows: 2, tokens: 96, tiles: 4 }],
      mixture: [{ kind: "word", tiles: "single" }],
    },
    {
      name: "words",
      steps: 4,
      lr: [1e-2, 1e-3],
      warmup: 2,
      accumulate: 2,
      shapes: [
        { rows: 3, tokens: 64, tiles: 4 },
        { rows: 2, tokens: 96, tiles: 4 },
      ],
      mixture: [
        { kind: "word", tiles: "single" },
        { kind: "line", tiles: "dynamic:1..2" },
      ],
    },
  ];
  const whole = await losses(tinyConfig(folder(), { phases }));
  expect(whole).toHaveLength(9);
  const out = folder();
  expect(await losses(tinyConfig(out, { phases }), [1, 4])).toEqual(whole);
  const lines = metricsOf(out);
  expect(lines.map(({ loss }) => loss)).toEqual(whole);
  expect(lines.map(({ phase, step }) => `${phase} ${step}`)).toEqual([
    "spell 1",
    "spell 2",
    "letters 1",
    "letters 2",
    "letters 3",
    "words 1",
    "words 2",
    "words 3",
    "words 4",
  ]);
});

test("the loss falls, and the finished folder holds a model without what only training used", async () => {
  const out = folder();
  const seen = await losses(tinyConfig(out, {}, { steps: 40 }));
  expect(seen.slice(-5).reduce((a, b) => a + b)).toBeLessThan(0.8 * seen.slice(0, 5).reduce((a, b) => a + b));
  expect(readdirSync(join(out, "model")).sort()).toEqual([
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "training",
  ]);
  const checkpoint = openCheckpoint(join(out, "model"));
  expect([...checkpoint.keys()].some((key) => key.startsWith("dense_head"))).toBe(false);
  checkpoint.close();
  expect(existsSync(join(out, "loss.png"))).toBe(true);
});

test("a run that starts from a model goes on with its weights and its training heads, and refuses those of another shape", async () => {
  const [first, second] = [folder(), folder()];
  await losses(tinyConfig(first, {}, { steps: 20 }));
  const from = join(first, "model");
  const [fresh] = await losses(tinyConfig(folder(), {}, { steps: 1 }));
  const [continued] = await losses(tinyConfig(second, { from }, { steps: 1 }));
  expect(continued).toBeLessThan(0.9 * fresh);
  const heads = openSafetensors(join(from, "training", "heads.safetensors"));
  expect([...heads.entries.keys()].every((key) => key.startsWith("dense_head."))).toBe(true);
  heads.close();
  const wider = { ...tinyModel, llm_config: { ...tinyModel.llm_config, intermediate_size: 48 } };
  await expect(losses(tinyConfig(folder(), { from, model: wider }))).rejects.toThrow(
    /is \[.*\], the model that is trained has \[/,
  );
});

test("a run may start from a model that knows fewer places on a page, not from one that knows more", async () => {
  const [few, many] = [3, 5].map((visual_position) => ({ ...tinyModel, visual_position }));
  const [first, second] = [folder(), folder()];
  await losses(tinyConfig(first, { model: few }, { steps: 2 }));
  await losses(tinyConfig(second, { from: join(first, "model"), model: many }, { steps: 1, lr: [0, 0] }));
  const rows = (out: string): Float32Array => {
    const stored = openSafetensors(join(out, "model", "model.safetensors"));
    const data = stored.read("visual_position.row") as Float32Array;
    stored.close();
    return data;
  };
  const [before, after] = [rows(first), rows(second)];
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.length).toBe((before.length / 3) * 5);
  expect(after.slice(before.length).every((v) => v !== 0)).toBe(true);
  await expect(losses(tinyConfig(folder(), { from: join(second, "model"), model: few }, { steps: 1 }))).rejects.toThrow(
    /"visual_position\.column" is \[5,\d+\], the model that is trained has \[3,\d+\]/,
  );
});

test("the model is the running mean of the weights where one is kept: it begins with them, moves less than they do, and goes when it is no more asked for", async () => {
  const out = folder();
  const keeping = { optimizer: { mean: 0.9 } };
  const key = "language_model.output.weight";
  const of = (file: string, name: string): Float32Array | undefined => {
    const tensors = openSafetensors(join(out, file));
    const values = tensors.entries.has(name) ? (tensors.read(name) as Float32Array) : undefined;
    tensors.close();
    return values;
  };
  const stored = (name: string): Float32Array | undefined => of("state.safetensors", name);
  const written = (): Float32Array => of(join("model", "model.safetensors"), key)!;
  const far = (a: Float32Array, b: Float32Array): number => Math.hypot(...a.map((v, i) => v - b[i]));
  const phasesOf = (...names: string[]): object => {
    const [phase] = tinyConfig(out).phases;
    return { phases: names.map((name) => ({ ...phase, name })) };
  };
  await losses(tinyConfig(out, phasesOf("a")));
  const before = stored(key)!;
  expect(far(written(), before)).toBeLessThan(2e-3 * Math.hypot(...before));
  await losses(tinyConfig(out, { ...phasesOf("a", "b"), ...keeping }));
  const [weights, mean] = [stored(key)!, stored(`mean.${key}`)!];
  expect(far(mean, before)).toBeGreaterThan(0.1 * far(weights, before));
  expect(far(mean, before)).toBeLessThan(0.95 * far(weights, before));
  expect(far(written(), mean)).toBeLessThan(2e-3 * Math.hypot(...mean));
  await losses(tinyConfig(out, phasesOf("a", "b", "c")));
  expect(stored(`mean.${key}`)).toBeUndefined();
  expect(far(written(), stored(key)!)).toBeLessThan(2e-3 * Math.hypot(...mean));
});

test("frozen weights stay and the others move", async () => {
  const [a, b] = [folder(), folder()];
  await losses(tinyConfig(a, {}, { steps: 1, lr: [0, 0] }));
  await losses(tinyConfig(b, {}, { steps: 3, frozen: ["vision_model"] }));
  const [before, after] = [a, b].map((out) => openCheckpoint(join(out, "model")));
  for (const key of before.keys()) {
    const moved = before
      .file(key)
      .read(key)
      .some((v, i) => v !== after.file(key).read(key)[i]);
    expect(moved, key).toBe(!key.startsWith("vision_model"));
  }
  before.close();
  after.close();
});

test("phases of one name and a frozen prefix that names no weight are refused", async () => {
  const phase = { name: "words", steps: 1, lr: [1e-3, 1e-3], shapes: [{ rows: 2, tokens: 96, tiles: 4 }] };
  const words = { ...phase, mixture: [{ kind: "word", tiles: "single" }] };
  expect(() => tinyConfig(folder(), { phases: [words, words] })).toThrow('two phases are called "words"');
  await expect(losses(tinyConfig(folder(), {}, { frozen: ["vision_modle"] }))).rejects.toThrow(
    'frozen "vision_modle" begins the name of no weight',
  );
});

test("codes of characters learn while they stand for the image, and stay once the tower aims at them", async () => {
  const moved = async (sight: string): Promise<string[]> => {
    const runs = [folder(), folder()];
    await losses(tinyConfig(runs[0], {}, { sight, steps: 1, lr: [0, 0] }));
    await losses(tinyConfig(runs[1], {}, { sight, steps: 2 }));
    const [before, after] = runs.map((out) => openSafetensors(join(out, "state.safetensors")));
    const keys = [...before.entries.keys()].filter((key) => !/^(momentum|variance)\./.test(key));
    const changed = keys.filter((key) => `${before.read(key)}` !== `${after.read(key)}`);
    before.close();
    after.close();
    return changed;
  };
  const [labels, tiles] = [await moved("labels"), await moved("tiles")];
  expect(labels).toContain("dense_head.codes.weight");
  expect(labels.filter((key) => /^(vision_model|mlp1)/.test(key))).toEqual([]);
  expect(tiles).not.toContain("dense_head.codes.weight");
  expect(tiles).toEqual(expect.arrayContaining(["mlp1.1.weight", "dense_head.patch.weight"]));
});

test("with drop path a stopped run still continues with the identical losses, which differ from those without", async () => {
  const vision_config = { ...tinyModel.vision_config, drop_path_rate: 0.5 };
  const model = { ...tinyModel, vision_config };
  const whole = await losses(tinyConfig(folder(), { model }, { steps: 4 }));
  expect(await losses(tinyConfig(folder(), { model }, { steps: 4 }), [2])).toEqual(whole);
  expect(whole).not.toEqual(await losses(tinyConfig(folder(), {}, { steps: 4 })));
});

test("drop path skips the first layer never, the last at the rate, and keeps the mean", () => {
  const c = { ...tinyModel.vision_config, num_hidden_layers: 3, drop_path_rate: 0.4 };
  const { shape, data } = dropPath(c, 5000, new Random("test", 1));
  expect(shape).toEqual([6, 5000]);
  const rows = [0, 1, 2, 3, 4, 5].map((i) => Array.from(data.slice(i * 5000, (i + 1) * 5000) as Float32Array));
  expect(rows[0].every((v) => v === 1) && rows[1].every((v) => v === 1)).toBe(true);
  for (const [row, rate] of [
    [2, 0.2],
    [3, 0.2],
    [4, 0.4],
    [5, 0.4],
  ]) {
    expect(rows[row].filter((v) => v === 0).length / 5000).toBeCloseTo(rate, 1);
    expect(rows[row].reduce((a, b) => a + b) / 5000).toBeCloseTo(1, 1);
  }
});

test("a loss that is no number ends the run with an error and leaves the last checkpoint", async () => {
  const out = folder();
  const control = new AbortController();
  const config = tinyConfig(out);
  await run(config, engine, direct(config), { signal: control.signal, onStep: () => control.abort() });
  const before = readFileSync(join(out, "state.safetensors"));
  await expect(losses(tinyConfig(out, {}, { lr: [1e30, 1e30] }))).rejects.toThrow(
    /words, step \d: the loss is NaN, its gradient NaN; the last checkpoint stays/,
  );
  expect(readFileSync(join(out, "state.safetensors")).equals(before)).toBe(true);
});

test("a state of another model is refused by name, and stays", async () => {
  const out = folder();
  await losses(tinyConfig(out, {}, { steps: 1 }));
  const wider = { ...tinyModel, llm_config: { ...tinyModel.llm_config, hidden_size: 32 } };
  const before = readFileSync(join(out, "state.safetensors"));
  await expect(losses(tinyConfig(out, { model: wider }))).rejects.toThrow(WeightError);
  await expect(losses(tinyConfig(out, { model: wider }))).rejects.toThrow(
    /"mlp1\.1\.weight" is \[16,64\], the model has \[32,64\]/,
  );
  expect(readFileSync(join(out, "state.safetensors")).equals(before)).toBe(true);
});

test.each([
  ["an unknown field", { stepz: 1, phases: tinyConfig("x").phases }, /tiny\.yaml: the file: Unrecognized key/],
  [
    "an unknown kind",
    {
      phases: [
        {
          name: "a",
          steps: 1,
          lr: [0, 0],
          shapes: [{ rows: 1, tokens: 9, tiles: 1 }],
          mixture: [{ kind: "novel", tiles: "single" }],
        },
      ],
    },
    /phases\.0\.mixture\.0\.kind/,
  ],
  [
    "no steps",
    {
      phases: [
        {
          name: "a",
          steps: 0,
          lr: [0, 0],
          shapes: [{ rows: 1, tokens: 9, tiles: 1 }],
          mixture: [{ kind: "word", tiles: "single" }],
        },
      ],
    },
    /phases\.0\.steps/,
  ],
])("a configuration with %s is refused with its place", (_, changes, message) => {
  const make = (): TrainConfig => parseTrainConfig({ out: "x", model: tinyModel, ...changes }, "tiny.yaml");
  expect(make).toThrow(FormatError);
  expect(make).toThrow(message);
});

test("the rate warms up linearly, then falls along half a cosine", () => {
  const phase = { steps: 10, warmup: 2, lr: [1, 0.2] as [number, number] };
  expect([0, 1, 2, 6, 10].map((step) => rate(phase, step))).toEqual([
    0.5,
    1,
    1,
    expect.closeTo(0.6, 12),
    expect.closeTo(0.2, 12),
  ]);
});

test("a head of a model that is told where tiles lie learns where to look", async () => {
  const out = folder();
  const model = { ...tinyModel, visual_position: 2 };
  await losses(tinyConfig(out, { model }, { look: 1, steps: 80 }));
  const looks = metricsOf(out).map(({ parts }) => parts.look);
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
  expect(mean(looks.slice(-10))).toBeLessThan(0.8 * mean(looks.slice(0, 10)));
  const keys = [...openCheckpoint(join(out, "model")).keys()].filter((key) => key.startsWith("visual_position."));
  expect(keys.sort()).toEqual(
    ["column", "layer", "row", "token_column", "token_row"].map((k) => `visual_position.${k}`),
  );
});

test("where to look is taught to the last layer, too", () => {
  const c = { ...tinyModel, llm_config: { ...tinyModel.llm_config, num_hidden_layers: 4 } } as MiniMonkeyConfig;
  const aims = { sight: "labels", answer: 1, look: 1, dense: 0, words: 0, average: "token" } as const;
  const { parts } = objective(weights(openEnded()), c, { tiles: 1, rows: 1, tokens: 16 }, 9, aims);
  expect([...paramsOf({ look: parts.look }).keys()]).toContain("language_model.model.layers.3.attention.wqkv.weight");
});

test("a phase asks only what its `asks` names, by kind or by name", async () => {
  const shown = { questions: 40, shapes: [{ rows: 1, tokens: 2000, tiles: 4 }] };
  const answers = async (asks: string[]): Promise<string[]> => {
    const mixture = [{ kind: "bar", tiles: "single" }];
    const config = tinyConfig("unused", {}, { ...shown, asks, mixture });
    const { tokenizer } = tokens(config);
    const rows = await Promise.all([0, 1, 2].map((i) => feed(config, tokenizer)(0, i)));
    return rows.flatMap(({ targets, segments }) =>
      Array.from({ length: Math.max(...segments) }, (_, i) =>
        concluded(tokenizer.decode(targets.filter((id, at) => id >= 0 && segments[at] === i + 1))),
      ),
    );
  };
  const claims = await answers(["yesno"]);
  expect(new Set(claims)).toEqual(new Set(["yes", "no"]));
  const both = await answers(["yesno", "value"]);
  expect(both.length).toBeGreaterThan(claims.length);
  expect(both.filter((answer) => !/^(yes|no|\d+)$/.test(answer))).toEqual([]);
});

test("what fits no question of a phase's pages is told", async () => {
  const asks = ["yesnoo"];
  await expect(
    losses(tinyConfig(folder(), {}, { asks, mixture: [{ kind: "word", tiles: "single" }] })),
  ).rejects.toThrow(/asks "yesnoo" fits no question about 100 of its pages; expected read, line, field,/);
});

test("of a page that is given only what follows from its readings is learned, and one's own pages cannot be given", async () => {
  const shapes = [{ rows: 1, tokens: 3000, tiles: 1 }];
  const config = tinyConfig("unused", {}, { questions: 40, shapes, mixture: [{ kind: "pie", given: true }] });
  const { tokenizer } = tokens(config);
  const rows = await Promise.all([0, 1, 2].map((i) => feed(config, tokenizer)(0, i)));
  for (const { ids, targets, dense, looks, tiles } of rows) {
    expect(new Set(tiles)).toEqual(new Set([255]));
    expect(Math.max(...dense, ...looks)).toBeLessThanOrEqual(0);
    // Behind a question stand its readings, which are no targets, and what they end in: U+001F, after which the answer is.
    const first = tokenizer.encode("\u001f")[0];
    const begin = ids.flatMap((id, at) => (id === first ? [at] : []));
    expect(begin.length).toBeGreaterThan(10);
    expect(begin.every((at) => targets[at] >= 0 && targets[at - 1] < 0)).toBe(true);
    const ends = tokenizer.id("<|im_end|>");
    expect(targets.filter((id) => id === ends)).toHaveLength(begin.length);
  }
  const own = { mixture: [{ pages: "a.pdf", given: true }] };
  expect(() => tinyConfig("unused", {}, own)).toThrow(/phase "words": given: true is for a kind of page to draw/);
});
