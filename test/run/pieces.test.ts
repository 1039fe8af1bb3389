/** TinyGPT-V from its published pieces, cut at tiny size from models whose numbers are known. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { FormatError, RequestError, WeightError } from "../../src/errors.ts";
import { verify } from "../../src/eval/verify.ts";
import type { TinyGptVFolder } from "../../src/models/tinygpt-v.ts";
import type { AnswerRecord } from "../../src/run/answer.ts";
import { convert } from "../../src/run/convert.ts";
import { openModel } from "../../src/run/model.ts";
import type { Adapters } from "../../src/run/source.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { openSafetensors, writeSafetensors } from "../../src/weights/safetensors.ts";
import { golden } from "../support/altered.ts";
import { tinyGptConfig, tinyWhole } from "../support/tiny-model.ts";
import { type TorchTensor, writeTorch } from "../support/torch-file.ts";
import { drawn, gap } from "../support/values.ts";

const root = mkdtempSync(join(tmpdir(), "pieces-"));
afterAll(() => rmSync(root, { recursive: true }));
const fresh = (): string => mkdtempSync(join(root, "folder-"));

type Tensors = Map<string, TorchTensor>;

function tensorsOf(path: string): Tensors {
  const file = openSafetensors(path);
  const found: Tensors = new Map();
  for (const [key, { shape }] of file.entries)
    found.set(key, { shape, data: Float32Array.from(file.read(key), Number) });
  file.close();
  return found;
}

const random = (shape: readonly number[], seed: number): TorchTensor => ({
  shape,
  data: Float32Array.from(drawn(shape, seed).data),
});

/** The pieces of one model. `phi` are the two shards. */
interface Cut {
  tower: Tensors;
  queries: Tensors;
  phi: [Tensors, Tensors];
  stage: Tensors;
}

const peft = "llama_model.base_model.model.";
/** What a stage learns of the language model, and what it finds there otherwise. */
const learned = /(q_layernorm|k_layernorm|input_layernorm|post_layernorm|final_layernorm)\.weight$|\.lora_[AB]\./;
const phis = /(input_layernorm|final_layernorm)\.weight$/;

/** A model's tensors as they are published, with those that no computation reads. `prefix`: of its language model. */
function cut(whole: Tensors, prefix: string): Cut {
  const pieces: Cut = { tower: new Map(), queries: new Map(), phi: [new Map(), new Map()], stage: new Map() };
  let count = 0;
  for (const [key, tensor] of whole) {
    if (key.startsWith("visual_encoder.")) pieces.tower.set(key.slice("visual_encoder.".length), tensor);
    else if (/^(Qformer|query_tokens|ln_vision)/.test(key)) pieces.queries.set(key, tensor);
    else if (key.startsWith("llama_proj")) pieces.stage.set(key, tensor);
    else {
      const name = key.slice(prefix.length);
      if (learned.test(name)) pieces.stage.set(peft + name, tensor);
      // The stage's own norms come after Phi-2's, which are others.
      if (!learned.test(name)) pieces.phi[count++ % 2].set(name, tensor);
      else if (phis.test(name)) pieces.phi[count++ % 2].set(name, random(tensor.shape, count));
    }
  }
  const depth = Math.max(...[...pieces.tower.keys()].map((key) => Number(/^blocks\.(\d+)/.exec(key)?.[1] ?? 0))) + 1;
  for (const name of [`blocks.${depth}.norm1.weight`, "norm.weight", "head.bias"])
    pieces.tower.set(name, random([2], 1));
  for (const name of [
    "t5_proj.weight",
    "Qformer.cls.predictions.bias",
    "Qformer.bert.embeddings.word_embeddings.weight",
    "Qformer.bert.encoder.layer.0.intermediate.dense.weight",
    "Qformer.bert.encoder.layer.0.output.LayerNorm.bias",
  ])
    pieces.queries.set(name, random([2], 2));
  pieces.stage.set("Qformer.bert.embeddings.position_ids", random([1, 16], 3));
  return pieces;
}

/** The tensors of golden/tinygptv_e2e, whose language model has no adapters. */
const bare = (): Cut => cut(tensorsOf(join(golden("tinygptv_e2e"), "weights.safetensors")), "llama_model.");

/** Adapters that change nothing: B is zero. */
function withIdleAdapters(pieces: Cut): Cut {
  for (const name of ["query_key_value", "dense"])
    for (let i = 0; i < 3; i++) {
      const stem = `${peft}model.layers.${i}.self_attn.${name}`;
      const rows = name === "dense" ? 64 : 192;
      pieces.stage.set(`${stem}.lora_A.weight`, random([8, 64], i));
      pieces.stage.set(`${stem}.lora_B.weight`, { shape: [rows, 8], data: new Float32Array(rows * 8) });
    }
  return pieces;
}

const sizes = (name: string): object => JSON.parse(readFileSync(join(golden(name), "config.json"), "utf8"));
const tinyFolder = { model_type: "tinygpt_v", stage: 4, image_size: 56 };

/** Writes the pieces as they are published; the configuration gives their sizes. */
function published({ tower, queries, phi, stage }: Cut, config: object, name = "TinyGPT-V_for_Stage4.pth"): string {
  const folder = fresh();
  writeTorch(join(folder, "eva_vit_g.pth"), tower, false);
  writeTorch(join(folder, "blip2_pretrained_flant5xxl.pth"), queries, true);
  writeTorch(join(folder, name), stage, true);
  const at = join(folder, "phi-2");
  mkdirSync(at);
  const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  for (const [i, shard] of shards.entries())
    writeSafetensors(
      join(at, shard),
      [...phi[i]].map(([key, { shape, data }]) => [key, { dtype: "F32", shape, data }] as const),
    );
  const weight_map = Object.fromEntries(shards.flatMap((shard, i) => [...phi[i].keys()].map((key) => [key, shard])));
  writeFileSync(join(at, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map }));
  writeFileSync(
    join(at, "tokenizer.json"),
    JSON.stringify(fewTokens((config as { llm: { vocab_size: number } }).llm.vocab_size)),
  );
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return folder;
}

/** The byte tokenizer with the first ids alone. */
function fewTokens(ids: number): object {
  const tokenizer = byteTokenizer() as { model: { vocab: Record<string, number> } };
  tokenizer.model.vocab = Object.fromEntries(Object.entries(tokenizer.model.vocab).filter(([, id]) => id < ids));
  return tokenizer;
}

/** Converts, and makes of the folder a reference with the authors' inputs and outputs. */
async function reference(source: string, name: string, adapters: Adapters): Promise<string> {
  const dest = fresh();
  await convert(source, dest, { precision: "f32", adapters });
  renameSync(join(dest, "model.safetensors"), join(dest, "weights.safetensors"));
  for (const part of ["inputs.safetensors", "outputs.safetensors", "reference.json"])
    cpSync(join(golden(name), part), join(dest, part));
  const made = JSON.parse(readFileSync(join(dest, "config.json"), "utf8"));
  const { lora: _, ...given } = sizes(name) as { lora?: object };
  writeFileSync(join(dest, "config.json"), JSON.stringify({ ...given, ...made }));
  return dest;
}

/** Queries, keys and values of each head side by side, to all queries, all keys, all values. rows: [3 · d, …] → [3][d, …]. */
function separated({ shape, data }: TorchTensor): TorchTensor[] {
  const [heads, e] = [4, 16];
  const width = data.length / shape[0];
  return [0, 1, 2].map((s) => {
    const part = new Float32Array(heads * e * width);
    for (let h = 0; h < heads; h++)
      part.set(data.subarray((3 * h + s) * e * width, (3 * h + s + 1) * e * width), h * e * width);
    return { shape: [heads * e, ...shape.slice(1)], data: part };
  });
}

const layouts: Record<string, (key: string, tensor: TorchTensor) => [string, TorchTensor][]> = {
  query_key_value: (key, tensor) => [[key, tensor]],
  "q_proj, k_proj, v_proj": (key, tensor) =>
    key.includes("query_key_value")
      ? separated(tensor).map((part, i) => [key.replace("query_key_value", `${"qkv"[i]}_proj`), part])
      : [[key, tensor]],
  "Microsoft's Wqkv": (key, tensor) => {
    const name = key
      .replace("model.embed_tokens.", "transformer.embd.wte.")
      .replace("model.final_layernorm.", "lm_head.ln.")
      .replace(/^lm_head\.(weight|bias)$/, "lm_head.linear.$1")
      .replace("model.layers.", "transformer.h.")
      .replace("input_layernorm.", "ln.")
      .replace("self_attn.dense.", "mixer.out_proj.")
      .replace("self_attn.query_key_value.", "mixer.Wqkv.");
    if (!name.includes("Wqkv")) return [[name, tensor]];
    const parts = separated(tensor).flatMap(({ data }) => [...data]);
    return [[name, { shape: tensor.shape, data: Float32Array.from(parts) }]];
  },
};

describe.each(Object.entries(layouts))("with Phi-2 as %s", (_, layout) => {
  test("the four pieces become a folder that computes what the authors' code does", async () => {
    const pieces = withIdleAdapters(bare());
    // The norms that TinyGPT-V adds have biases that no file holds but ours: they are not zero in the reference.
    const kept = (key: string): boolean => /[qk]_layernorm\.bias$/.test(key);
    pieces.phi = pieces.phi.map(
      (shard) => new Map([...shard].flatMap(([key, tensor]) => (kept(key) ? [[key, tensor]] : layout(key, tensor)))),
    ) as Cut["phi"];
    const source = published(pieces, { ...sizes("tinygptv_e2e"), ...tinyFolder });
    const dest = await reference(source, "tinygptv_e2e", "merge");
    expect(await verify(dest)).toMatchObject({ ok: true, failed: [] });
  });
});

describe("adapters", () => {
  const pieces = () => cut(tensorsOf(join(golden("tinygptv_train"), "weights.safetensors")), peft);
  const config = { ...sizes("tinygptv_train"), ...tinyFolder };

  test("that are kept learn as in the authors' code", async () => {
    const { ok, failed } = await verify(await reference(published(pieces(), config), "tinygptv_train", "keep"));
    expect([ok, failed]).toEqual([true, []]);
  });

  test("that are merged give the same loss, to a part in a hundred thousand", async () => {
    const dest = await reference(published(pieces(), config), "tinygptv_train", "merge");
    const { lora } = JSON.parse(readFileSync(join(dest, "config.json"), "utf8"));
    expect(lora).toBeUndefined();
    const { loss } = (await verify(dest)).outputs;
    expect(loss.max_abs_error! / loss.max_abs_value).toBeLessThan(1e-5);
  });

  test("that were kept are merged when their folder is converted again, to the same bytes", async () => {
    const [kept, once, twice] = [fresh(), fresh(), fresh()];
    const source = published(pieces(), config);
    await convert(source, kept, { precision: "f32", adapters: "keep" });
    await convert(source, once, { precision: "f32" });
    await convert(kept, twice, { precision: "f32" });
    const [a, b] = [once, twice].map((folder) => readFileSync(join(folder, "model.safetensors")));
    expect(a.equals(b)).toBe(true);
    expect(readFileSync(join(once, "config.json"))).toEqual(readFileSync(join(twice, "config.json")));
  });
});

test("norms that no file holds begin as 1 and 0, and a first stage's meet no name, as in the authors' demo", async () => {
  const pieces = bare();
  pieces.stage = new Map([...pieces.stage].map(([key, tensor]) => [key.replace(peft, "llama_model."), tensor]));
  pieces.phi = pieces.phi.map(
    (shard) => new Map([...shard].filter(([key]) => !/[qk]_layernorm/.test(key))),
  ) as Cut["phi"];
  const dest = fresh();
  const source = published(pieces, { ...sizes("tinygptv_e2e"), ...tinyFolder }, "TinyGPT-V_for_Stage1.pth");
  await convert(source, dest, { precision: "f32" });
  const made = tensorsOf(join(dest, "model.safetensors"));
  const layer = "llama_model.model.layers.1.";
  const values = (key: string): Set<number> => new Set(made.get(layer + key)!.data);
  for (const norm of ["self_attn.q_layernorm", "self_attn.k_layernorm"]) {
    expect(values(`${norm}.weight`)).toEqual(new Set([1]));
    expect(values(`${norm}.bias`)).toEqual(new Set([0]));
  }
  expect(values("post_layernorm.weight")).toEqual(new Set([1]));
  const own = [...pieces.phi[0], ...pieces.phi[1]].find(([key]) => key === "model.layers.1.input_layernorm.weight")![1];
  expect(made.get(`${layer}input_layernorm.weight`)!.data).toEqual(own.data);
  expect(made.get("llama_proj.weight")!.data).toEqual(pieces.stage.get("llama_proj.weight")!.data);
  expect(JSON.parse(readFileSync(join(dest, "config.json"), "utf8"))).toMatchObject({ stage: 1 });
});

test("a folder taken to pieces comes back tensor by tensor, and answers at twice its positions' size", async () => {
  const config = { ...tinyGptConfig(), image_size: 112 } as TinyGptVFolder;
  const whole = tinyWhole(fresh(), config);
  const tensors = tensorsOf(join(whole, "model.safetensors"));
  const dest = fresh();
  await convert(published(withIdleAdapters(cut(tensors, "llama_model.")), config), dest, { precision: "f32" });
  const made = tensorsOf(join(dest, "model.safetensors"));
  expect([...made.keys()].sort()).toEqual([...tensors.keys()].sort());
  for (const [key, { shape, data }] of made) {
    expect([key, shape]).toEqual([key, tensors.get(key)!.shape]);
    expect([key, gap(data, tensors.get(key)!.data)]).toEqual([key, 0]);
  }
  expect((await answered(dest)).usage).toMatchObject({ visual_tokens: 32, completion_tokens: 2 });
});

test("adapters are merged before weights are rounded to 8 bits, which answer nearly as they did", async () => {
  const config = tinyGptConfig({ lora: { r: 8, lora_alpha: 16 } });
  const whole = tinyWhole(fresh(), config);
  const source = published(cut(tensorsOf(join(whole, "model.safetensors")), peft), config);
  const [few, kept] = [fresh(), fresh()];
  await convert(source, few, { precision: "int8" });
  await convert(source, kept, { precision: "f32", adapters: "keep" });
  const [rounded, exact] = [await answered(few), await answered(kept)];
  expect(Math.abs(rounded.probability! - exact.probability!)).toBeLessThan(0.01);
});

async function answered(folder: string): Promise<AnswerRecord> {
  const model = await openModel(folder, { threads: 1 });
  const image = { data: Uint8Array.from({ length: 300 }, (_, i) => i), width: 10, height: 10 };
  const messages = [{ role: "user", content: "What?" }] as const;
  const answer = model.answer({ images: [{ name: "ramp", image }], messages }, { maxTokens: 2 });
  let step = await answer.next();
  while (!step.done) step = await answer.next();
  await model.close();
  return step.value;
}

describe("pieces that do not fit together are refused by name, and nothing is left", () => {
  const config = { ...sizes("tinygptv_e2e"), ...tinyFolder };
  const without =
    (...names: string[]) =>
    () => {
      const folder = published(withIdleAdapters(bare()), config);
      for (const name of names) rmSync(join(folder, name), { recursive: true });
      return folder;
    };
  const changed = (change: (pieces: Cut) => void, name?: string) => () => {
    const pieces = withIdleAdapters(bare());
    change(pieces);
    return published(pieces, config, name);
  };
  const beside = (name: string, tensors: Tensors) => () => {
    const folder = published(withIdleAdapters(bare()), config);
    writeTorch(join(folder, name), tensors, true);
    return folder;
  };
  const b = `${peft}model.layers.1.self_attn.dense.lora_B.weight`;

  test.each<[string, () => string, new (message: string) => Error, RegExp]>([
    ["no tower", without("eva_vit_g.pth"), RequestError, /four pieces; the tower \(eva_vit_g\.pth\) is not there/],
    [
      "no language model and no queries",
      without("phi-2", "blip2_pretrained_flant5xxl.pth"),
      RequestError,
      /the Q-Former \(.*\), Phi-2 \(a folder phi-2\) is not there: download it too/,
    ],
    [
      "a missing shard",
      without("phi-2/model-00002-of-00002.safetensors"),
      FormatError,
      /phi-2: model\.safetensors\.index\.json lists model-00002-of-00002\.safetensors, which is not there/,
    ],
    [
      "two stages",
      beside("TinyGPT-V_for_Stage3.pth", bare().stage),
      RequestError,
      /Stage3\.pth and TinyGPT-V_for_Stage4\.pth are each the checkpoint of a stage/,
    ],
    [
      "a file of something else",
      beside("other.pth", new Map([["fc.weight", random([2], 1)]])),
      WeightError,
      /other\.pth: holds "fc\.weight", and is no piece of TinyGPT-V; take it out/,
    ],
    [
      "a key that nobody knows",
      changed(({ tower }) => tower.set("blocks.0.attn.relative", random([2], 1))),
      WeightError,
      /leaves 1 unused: visual_encoder\.blocks\.0\.attn\.relative/,
    ],
    [
      "half an adapter",
      changed(({ stage }) => stage.delete(b)),
      WeightError,
      /layers\.1\.self_attn\.dense\.lora_A\.weight" has no lora_B beside it/,
    ],
    [
      "an adapter of nothing",
      changed(({ stage }) => stage.set(b.replace("dense", "sparse"), random([2], 1))),
      WeightError,
      /adapts ".*sparse\.weight", which is in none of the files/,
    ],
    [
      "an adapter of another size",
      changed(({ stage }) => stage.set(b, random([64, 7], 1))),
      WeightError,
      /dense\.weight" is \[64, 64\], its adapters \[8, 64\] and \[64, 7\]/,
    ],
    [
      "packed rows of another size",
      changed(({ phi: [shard] }) => shard.set("transformer.h.0.mixer.Wqkv.weight", random([100, 64], 1))),
      WeightError,
      /Wqkv\.weight" is \[100, 64\]; expected 64 rows for 4 heads from row 64 on/,
    ],
    [
      "a key in two shards",
      changed(({ phi: [a, b] }) => a.set([...b.keys()][0], [...b.values()][0])),
      WeightError,
      /is in two files: phi-2.*; keep one/,
    ],
  ])("%s", async (_, source, kind, message) => {
    const [folder, dest] = [source(), join(fresh(), "model")];
    const failure = await convert(folder, dest, { precision: "f16" }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toMatch(message);
    expect(existsSync(dest) ? readdirSync(dest) : []).toEqual([]);
  });

  test("a checkpoint that is cut short", async () => {
    const folder = published(withIdleAdapters(bare()), config);
    const path = join(folder, "eva_vit_g.pth");
    writeFileSync(path, readFileSync(path).subarray(0, 5000));
    await expect(convert(folder, fresh(), { precision: "f16" })).rejects.toThrow(FormatError);
    await expect(convert(folder, fresh(), { precision: "f16" })).rejects.toThrow(/eva_vit_g\.pth/);
  });

  test("without a config.json the sizes are those of the published model, and the stage must be told", async () => {
    const pieces = withIdleAdapters(bare());
    const [known, unknown] = ["TinyGPT-V_for_Stage2.pth", "mine.pth"].map((name) => {
      const folder = published(pieces, config, name);
      rmSync(join(folder, "config.json"));
      return folder;
    });
    await expect(convert(known, fresh(), { precision: "f16" })).rejects.toThrow(
      /"visual_encoder\.cls_token" is \[1,1,32\], config\.json asks for \[1,1,1408\]/,
    );
    await expect(convert(unknown, fresh(), { precision: "f16" })).rejects.toThrow(
      /mine\.pth: does not say of which stage it is; name it as the authors do/,
    );
  });
});
