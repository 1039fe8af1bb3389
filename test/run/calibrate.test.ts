/** Calibration on images: rounding costs less where some channels are loud, the report is true, and in floats nothing changes. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { RequestError, WeightError } from "../../src/errors.ts";
import { evaluate } from "../../src/graph/evaluate.ts";
import { type Outputs, paramsOf } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/op.ts";
import { input } from "../../src/graph/tensor.ts";
import { packed } from "../../src/quant/packed.ts";
import { calibrated } from "../../src/run/calibrate.ts";
import type { ChatPart } from "../../src/run/chat.ts";
import { convert } from "../../src/run/convert.ts";
import { languageGraph } from "../../src/run/language.ts";
import { readModel, readTokenizer } from "../../src/run/models.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { sightGraph } from "../../src/run/sight.ts";
import { formsOf } from "../../src/run/storing.ts";
import { decoder } from "../../src/vision/decode.ts";
import { cut, normalise } from "../../src/vision/tiles.ts";
import { parseTiling } from "../../src/vision/tilings.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { type Weights, weights } from "../../src/weights/path.ts";
import { openPublished, type Published } from "../../src/weights/published.ts";
import { openSafetensors, writeSafetensors } from "../../src/weights/safetensors.ts";
import { tinyConfig, tinyGptConfig, tinyWhole } from "../support/tiny-model.ts";
import { drawn, floats, gap, integers, value } from "../support/values.ts";
import { golden } from "../vision/golden.ts";

const root = mkdtempSync(join(tmpdir(), "galago-calibrate-"));
afterAll(() => rmSync(root, { recursive: true }));
const fresh = (): string => mkdtempSync(join(root, "m-"));
const image = fileURLToPath(golden("resize/noise_33x47.png"));
const images: readonly ChatPart[] = [{ type: "image", image }];
const engine = ortNode({ threads: 1 });

/** Some channels are a hundred times as loud as the others, and the weights that read them as much smaller, as in trained models (Dettmers 2022). */
function loud(key: string, data: Float32Array): Float32Array {
  const norm = /(norm[12]?|input_layernorm|final_layernorm|ln_vision)\.(weight|bias)$|mlp1\.0\./.test(key);
  const reader =
    /(qkv|fc1|w1|w3|output|mlp1\.1|query_key_value|lm_head|crossattention\.self\.(key|value))\.weight$/.test(key);
  const gain = norm ? 100 : reader ? 1 / 100 : 1;
  // Of all widths here 16 is a divisor.
  for (let i = 5; i < data.length; i += 16) data[i] *= gain;
  return data;
}

const { llm_config } = tinyConfig();
const monkey = {
  ...tinyConfig(),
  tiles: "single",
  llm_config: { ...llm_config, hidden_size: 96, intermediate_size: 128 },
};
const models: [name: string, config: object][] = [
  ["Mini-Monkey", monkey],
  ["TinyGPT-V", tinyGptConfig()],
];

/** Logits of ids and visual tokens of a tile, by the weights of a folder. */
async function results(folder: string): Promise<Record<"logits" | "features", Float32Array>> {
  const checkpoint = openCheckpoint(folder);
  const graph = packed(graphOf(folder, weights(checkpoint)));
  const session = await ortNode({ folder, threads: 1 }).open(graph);
  const { logits, features } = await session.run({
    ids: integers(value([1, 9], 3, 80, 81, 82, 83, 84, 200, 201, 4)),
    positions: integers(value([1, 9], ...Array(9).keys())),
    pixels: floats(drawn([1, 3, 56, 56], 3)),
  });
  await session.close();
  checkpoint.close();
  return { logits: logits.data as Float32Array, features: features.data as Float32Array };
}

function graphOf(folder: string, w: Weights): Outputs {
  const model = readModel(folder);
  const language = model.language(w);
  const x = language.embed(input("ids", [1, 9], "i64"));
  const pass = { positions: input("positions", [1, 9], "i64") };
  return {
    logits: language.head(language.states(x, pass).at(-1)!),
    features: model.sight(input("pixels", [1, 3, 56, 56]), w, input("cells", [1, 3], "i64")),
  };
}

/** Root mean square of what is off, of the root mean square of what should be. */
function off(found: Float32Array, exact: Float32Array): number {
  const squares = (values: Float32Array): number => values.reduce((sum, v) => sum + v * v, 0);
  return Math.sqrt(squares(found.map((v, i) => v - exact[i])) / squares(exact));
}

describe.each(models)("%s with loud channels", (_, config) => {
  const source = tinyWhole(fresh(), config, { spoil: loud });

  test.each([
    ["int8", 0.25],
    ["int4", 0.25],
  ] as const)("loses less in %s with calibration, and no product loses more", async (precision, share) => {
    const [plain, even] = [fresh(), fresh()];
    const without = await convert(source, plain, { precision });
    const { layers } = await convert(source, even, { precision, calibrate: images, threads: 1 });
    expect(without.layers).toBeUndefined();
    const exact = await results(source);
    const [before, after] = [await results(plain), await results(even)];
    for (const name of ["logits", "features"] as const) {
      const [b, a] = [before, after].map((found) => off(found[name], exact[name]));
      expect(b, name).toBeGreaterThan(0.001);
      expect(a / b, name).toBeLessThan(share);
    }
    expect(layers!.length).toBeGreaterThan(10);
    for (const { layer, before, after } of layers!) expect(after, layer).toBeLessThanOrEqual(before);
    for (const { strength, why } of layers!) expect(strength === null).toBe(why !== undefined);
    const borne = layers!.filter(({ strength }) => strength);
    expect(Math.min(...borne.map(({ before, after }) => after / before))).toBeLessThan(0.5);
  });

  test("computes in floats what it did", async () => {
    const dest = fresh();
    const { published } = await calibration(source);
    store(published, dest, source);
    const [found, exact] = [await results(dest), await results(source)];
    // 2e-5: rounding of float32 where channels are a hundred times as loud as others.
    expect(gap(found.logits, exact.logits)).toBeLessThan(2e-5);
    expect(gap(found.features, exact.features)).toBeLessThan(2e-5);
    const changed = (folder: string) => openSafetensors(join(folder, "model.safetensors"));
    const [a, b] = [changed(source), changed(dest)];
    expect(
      [...a.entries.keys()].filter((key) => gap(b.read(key) as Float32Array, a.read(key) as Float32Array) > 1e-3)
        .length,
    ).toBeGreaterThan(8);
    a.close();
    b.close();
  });
});

/** Calibrated for int8, closed. */
async function calibration(folder: string) {
  const published = await openPublished(folder);
  const model = readModel(folder);
  const w = weights({ ...published, keys: () => published.entries.keys(), find: (key) => published.entries.get(key) });
  const read = { eyes: sightGraph(w, model), words: languageGraph(model.language(w)) };
  const tokenizer = readTokenizer(folder, model.vocabulary);
  const found = await calibrated(engine, { model, tokenizer, published, ...read }, formsOf(read, "int8"), images);
  return { ...found, read };
}

function store(published: Published, dest: string, source: string): void {
  const tensors = [...published.entries].map(([key, { shape }]) => {
    const numbers = [...published.pieces(key)].flatMap((values) => Array.from(values, Number));
    return [key, { dtype: "F32", shape, data: Float32Array.from(numbers) }] as const;
  });
  writeSafetensors(join(dest, "model.safetensors"), tensors);
  for (const file of ["config.json", "tokenizer.json"]) copyFileSync(join(source, file), join(dest, file));
  published.close();
}

/** x and W turned by Hadamard's matrices in blocks, each row rounded to 127 steps on both sides, multiplied: in float64, by the definitions. */
function roundedProduct(x: number[][], w: number[][]): number[][] {
  const turned = (row: number[]): number[] => {
    const size = Math.min(32, row.length & -row.length);
    const sign = (i: number, j: number): number => ((i & j).toString(2).replaceAll("0", "").length % 2 ? -1 : 1);
    return row.map((_, at) => {
      const [block, j] = [Math.floor(at / size) * size, at % size];
      return (
        Array.from({ length: size }, (_, i) => row[block + i] * sign(i, j)).reduce((a, b) => a + b) / Math.sqrt(size)
      );
    });
  };
  const even = (v: number): number => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v));
  const rounded = (row: number[]): number[] => {
    const step = Math.max(...row.map(Math.abs)) / 127;
    return row.map((v) => even(v / step) * step);
  };
  return product(
    x.map((row) => rounded(turned(row))),
    w.map((row) => rounded(turned(row))),
  );
}
const product = (x: number[][], w: number[][]): number[][] =>
  x.map((row) => w.map((column) => column.reduce((sum, v, j) => sum + v * row[j], 0)));

test("the report says what rounding costs by a computation in float64, before and after", async () => {
  const source = tinyWhole(fresh(), monkey, { spoil: loud });
  const { layers, published, read } = await calibration(source);
  const model = readModel(source);
  const decoded = await decoder.decode(readFileSync(image), { name: "noise" });
  const tile = cut(decoded, parseTiling("single").plan(decoded.width, decoded.height, model.tileSize), model.tileSize);
  const pixels = normalise(tile, 1, model.tileSize, model.normal);
  const original = openSafetensors(join(source, "model.safetensors"));
  const values = (of: (key: string) => number[]): Record<string, Value> =>
    Object.fromEntries([...paramsOf(read.eyes)].map(([key, { shape }]) => [key, value(shape as number[], ...of(key))]));
  const plain = values((key) => Array.from(original.read(key), Number));
  const even = values((key) => [...published.pieces(key)].flatMap((values) => Array.from(values, Number)));
  const rowsOf = ({ data }: Value, m: number): number[][] =>
    Array.from({ length: data.length / m }, (_, i) => Array.from(data.subarray(i * m, (i + 1) * m)));
  const share = (found: number[][], exact: number[][]): number =>
    off(Float32Array.from(found.flat()), Float32Array.from(exact.flat()));

  for (const key of [
    "vision_model.encoder.layers.0.attn.qkv.weight",
    "vision_model.encoder.layers.1.mlp.fc1.weight",
    "mlp1.1.weight",
  ]) {
    const node = projectOf(read.eyes, key);
    const [x, evenX] = [plain, even].map(
      (weights) =>
        evaluate({ x: node }, { ...weights, pixels: { shape: [1, 3, 56, 56], data: Float64Array.from(pixels) } }).x,
    );
    const m = plain[key].shape[1];
    const exact = product(rowsOf(x, m), rowsOf(plain[key], m));
    const report = layers.find(({ layer }) => layer === key)!;
    expect(report.strength).toBeGreaterThan(0);
    const before = share(roundedProduct(rowsOf(x, m), rowsOf(plain[key], m)), exact);
    const after = share(roundedProduct(rowsOf(evenX, m), rowsOf(even[key], m)), exact);
    expect(Math.abs(report.before / before - 1)).toBeLessThan(0.02);
    expect(Math.abs(report.after / after - 1)).toBeLessThan(0.02);
    expect(after).toBeLessThan(before);
  }
  original.close();
  published.close();
});

/** What a product with a weight reads. */
function projectOf(graph: Outputs, key: string) {
  const stack = Object.values(graph);
  for (;;) {
    const node = stack.pop()!;
    if (node.op === "project" && node.inputs[1].attrs.key === key) return node.inputs[0];
    stack.push(...node.inputs);
  }
}

test("the same images give the same bytes", async () => {
  const source = tinyWhole(fresh(), monkey, { spoil: loud });
  const bytes = async () => {
    const dest = fresh();
    await convert(source, dest, { precision: "int8", calibrate: images, threads: 1 });
    return readFileSync(join(dest, "model.safetensors"));
  };
  expect((await bytes()).equals(await bytes())).toBe(true);
});

test("rows are kept from all images: another image after the first changes the weights", async () => {
  const source = tinyWhole(fresh(), { ...monkey, tiles: "dynamic:1..6" }, { spoil: loud });
  const other: ChatPart = { type: "image", image: fileURLToPath(golden("resize/text_640x48.png")) };
  const [one, two] = [fresh(), fresh()];
  await convert(source, one, { precision: "int8", calibrate: images, threads: 1 });
  await convert(source, two, { precision: "int8", calibrate: [...images, other], threads: 1 });
  const [a, b] = [one, two].map((folder) => readFileSync(join(folder, "model.safetensors")));
  expect(a.equals(b)).toBe(false);
});

describe("there is no calibration", () => {
  const source = tinyWhole(fresh(), monkey);
  test.each([
    [
      "where nothing is rounded",
      "f16",
      images,
      RequestError,
      /calibration is for int8 and int4, which round weights; precision is f16/,
    ],
    ["without images", "int8", [], RequestError, /no images to calibrate with/],
    ["with what is no image", "int8", [{ type: "image", image: join(source, "config.json") }], Error, /config\.json/],
  ] as const)("%s", async (_, precision, calibrate, kind, message) => {
    const dest = join(fresh(), "none");
    const failing = convert(source, dest, { precision, calibrate });
    await expect(failing).rejects.toThrow(kind);
    await expect(failing).rejects.toThrow(message);
  });

  test("of weights that are rounded already", async () => {
    const few = fresh();
    await convert(source, few, { precision: "int8" });
    const failing = convert(few, fresh(), { precision: "int8", calibrate: images, threads: 1 });
    await expect(failing).rejects.toThrow(RequestError);
    await expect(failing).rejects.toThrow(/weights are stored in few bits already/);
  });

  test("of weights that are no numbers", async () => {
    const spoil = (key: string, data: Float32Array) => (key.endsWith("w2.weight") ? data.fill(Number.NaN) : data);
    const failing = convert(tinyWhole(fresh(), monkey, { spoil }), fresh(), {
      precision: "int8",
      calibrate: images,
      threads: 1,
    });
    await expect(failing).rejects.toThrow(WeightError);
    await expect(failing).rejects.toThrow(/w2\.weight" holds NaN, no number/);
  });

  test("once it is stopped", async () => {
    const stop = new AbortController();
    const onCalibrate = () => stop.abort();
    const failing = convert(source, fresh(), {
      precision: "int8",
      calibrate: images,
      signal: stop.signal,
      onCalibrate,
    });
    await expect(failing).rejects.toThrow(/abort/i);
  });
});
