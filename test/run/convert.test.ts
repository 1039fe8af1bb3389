/** Published folders on their way to a model folder: shards, torch files, tokenizers, and what is wrong with them. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { FormatError, RequestError, WeightError } from "../../src/errors.ts";
import { verify } from "../../src/eval/verify.ts";
import { convert } from "../../src/run/convert.ts";
import { readTokenizer } from "../../src/run/models.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { openSafetensors, writeSafetensors } from "../../src/weights/safetensors.ts";
import { golden } from "../support/altered.ts";
import { tinyModel } from "../support/tiny-model.ts";

const root = mkdtempSync(join(tmpdir(), "convert-"));
afterAll(() => rmSync(root, { recursive: true }));
const fresh = (): string => mkdtempSync(join(root, "folder-"));
const bytes = (folder: string): Buffer => readFileSync(join(folder, "model.safetensors"));

/** A tiny model as many publish theirs: two shards in bf16 with an index. */
function published(change: (key: string, data: Float32Array) => Float32Array | null = (_, data) => data): string {
  const folder = tinyModel(fresh());
  const file = openSafetensors(join(folder, "model.safetensors"));
  const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const weight_map: Record<string, string> = {};
  const keys = [...file.entries.keys()];
  for (const [i, shard] of shards.entries()) {
    const own = keys.filter((_, at) => at % 2 === i);
    const tensors = own.flatMap((key) => {
      const data = change(key, file.read(key) as Float32Array);
      const { shape } = file.entries.get(key)!;
      return data ? [[key, { dtype: "BF16", shape, data }] as const] : [];
    });
    writeSafetensors(join(folder, shard), tensors);
    for (const key of own) weight_map[key] = shard;
  }
  file.close();
  rmSync(join(folder, "model.safetensors"));
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map }));
  return folder;
}

test("a checkpoint of torch.save becomes a folder that computes what the authors' code does", async () => {
  const source = fresh();
  copyFileSync(
    fileURLToPath(new URL("../weights/torch/mini_monkey_e2e.bin", import.meta.url)),
    join(source, "pytorch_model.bin"),
  );
  cpSync(join(golden("mini_monkey_e2e"), "config.json"), join(source, "config.json"));
  const tokenizer = byteTokenizer() as { model: { vocab: Record<string, number> } };
  const few = Object.entries(tokenizer.model.vocab).filter(([, id]) => id < 200);
  tokenizer.model.vocab = Object.fromEntries(few);
  writeFileSync(join(source, "tokenizer.json"), JSON.stringify(tokenizer));
  const dest = fresh();
  await convert(source, dest, { precision: "f32" });
  renameSync(join(dest, "model.safetensors"), join(dest, "weights.safetensors"));
  for (const part of ["inputs.safetensors", "outputs.safetensors", "reference.json"])
    cpSync(join(golden("mini_monkey_e2e"), part), join(dest, part));
  expect(await verify(dest)).toMatchObject({ ok: true });
});

test("shards become one file, the same bytes every time, rounded to what was asked", async () => {
  const source = published();
  const [a, b, wide] = [fresh(), fresh(), fresh()];
  const seen: number[] = [];
  const { tensors, parameters } = await convert(source, a, {
    precision: "f16",
    onProgress: (done, total) => seen.push(done / total),
  });
  await convert(source, b, { precision: "f16" });
  await convert(source, wide, { precision: "f32" });
  expect(bytes(a).equals(bytes(b))).toBe(true);
  expect(readdirSync(a).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  expect(seen.at(-1)).toBe(1);
  expect([...seen].sort((x, y) => x - y)).toEqual(seen);
  const [half, full] = [a, wide].map((folder) => openSafetensors(join(folder, "model.safetensors")));
  expect(half.entries.size).toBe(tensors);
  expect([...half.entries.values()].reduce((sum, { length }) => sum + length / 2, 0)).toBe(parameters);
  const key = "language_model.output.weight";
  // A bfloat16 has fewer digits than f16: in its range nothing is lost.
  expect(half.read(key)).toEqual(full.read(key));
  half.close();
  full.close();
});

test("tokenizer.model and the tokens beside it become one tokenizer.json", async () => {
  const source = tinyModel(fresh(), { config: { llm_config: { ...tinyLanguage(), vocab_size: 703 } } });
  rmSync(join(source, "tokenizer.json"));
  cpSync(join(golden("tokenizer_sp"), "tiny_nodummy.model"), join(source, "tokenizer.model"));
  writeFileSync(
    join(source, "added_tokens.json"),
    JSON.stringify({ "<img>": 700, "</img>": 701, "<IMG_CONTEXT>": 702 }),
  );
  const decoder = { 699: { content: "<|im_end|>", special: true, lstrip: false } };
  writeFileSync(join(source, "tokenizer_config.json"), JSON.stringify({ added_tokens_decoder: decoder }));
  const dest = fresh();
  await convert(source, dest, { precision: "f32" });
  const tokenizer = readTokenizer(dest, 703);
  expect(["<s>", "<|im_end|>", "<img>", "<IMG_CONTEXT>"].map((token) => tokenizer.id(token))).toEqual([
    1, 699, 700, 702,
  ]);
});

function tinyLanguage() {
  return JSON.parse(readFileSync(join(tinyModel(fresh()), "config.json"), "utf8")).llm_config;
}

describe("nothing under a final name is left of", () => {
  const lost = "language_model.model.norm.weight";
  const one = (key: string, value: number) => (at: string, data: Float32Array) =>
    at === key ? data.fill(value) : data;
  const without = (file: RegExp) => {
    const folder = published();
    for (const name of readdirSync(folder)) if (file.test(name)) rmSync(join(folder, name));
    return folder;
  };
  const beside = (name: string, text: string) => {
    const folder = published();
    writeFileSync(join(folder, name), text);
    return folder;
  };
  const extra = () => {
    const folder = published();
    writeSafetensors(join(folder, "more.safetensors"), [
      ["vision_model.more", { dtype: "F32", shape: [1], data: Float32Array.of(1) }],
    ]);
    return folder;
  };
  test.each([
    [
      "a missing key",
      () => published((key, data) => (key === lost ? null : data)),
      WeightError,
      /no weight "language_model\.model\.norm\.weight", which its config\.json asks for/,
    ],
    ["a key too many", extra, WeightError, /leaves 1 unused: vision_model\.more/],
    [
      "NaN",
      () => published(one(lost, Number.NaN)),
      WeightError,
      /"language_model\.model\.norm\.weight" holds NaN, no number/,
    ],
    ["what f16 cannot hold", () => published(one(lost, 1e30)), WeightError, /beyond f16; choose --precision f32/],
    [
      "a missing shard",
      () => without(/-00002-of/),
      FormatError,
      /index\.json lists model-00002-of-00002\.safetensors, which is not there/,
    ],
    ["no weights", () => without(/safetensors$/), RequestError, /holds no weights/],
    ["no config.json", () => without(/^config/), RequestError, /config\.json: no such file/],
    [
      "no tokenizer",
      () => without(/^tokenizer/),
      RequestError,
      /has no tokenizer: none of tokenizer\.json, tokenizer\.model, vocab\.json/,
    ],
    ["another index", () => beside("model.safetensors.index.json", "[]"), FormatError, /is no index of weights/],
    [
      "another tokenizer",
      () => beside("tokenizer.json", JSON.stringify(large())),
      FormatError,
      /has 265 ids, the model 264 by its config\.json/,
    ],
  ])("%s", async (_, source, kind, message) => {
    const [folder, dest] = [source(), join(fresh(), "model")];
    const failing = convert(folder, dest, { precision: "f16" });
    await expect(failing).rejects.toThrow(kind);
    await expect(failing).rejects.toThrow(message);
    expect(existsSync(dest)).toBe(false);
  });

  test("a conversion that was stopped", async () => {
    const [stop, dest] = [new AbortController(), fresh()];
    const stopped = convert(published(), dest, {
      precision: "f16",
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(readdirSync(dest)).toEqual([]);
  });
});

/** The byte tokenizer with one token more than the model has. */
function large(): object {
  const tokenizer = byteTokenizer() as { model: { vocab: Record<string, number> } };
  tokenizer.model.vocab.more = 264;
  return tokenizer;
}
