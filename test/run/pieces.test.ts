/** TinyGPT-V and MiniGPT-4 from their published pieces, cut at tiny size from models whose numbers are known. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { FormatError, RequestError, WeightError } from "../../src/errors.ts";
import { verify } from "../../src/eval/verify.ts";
import type { MiniGpt4Config } from "../../src/models/minigpt4.ts";
import type { TinyGptVFolder } from "../../src/models/tinygpt-v.ts";
import type { AnswerRecord } from "../../src/run/answer.ts";
import { convert } from "../../src/run/convert.ts";
import { openModel } from "../../src/run/model.ts";
import { knownConfig, readJson } from "../../src/run/models.ts";
import { assemble } from "../../src/run/pieces.ts";
import type { Adapters } from "../../src/run/source.ts";
import { golden } from "../support/altered.ts";
import {
  type Cut,
  cut,
  peft,
  random,
  type Tensors,
  tensorsOf,
  withIdleAdapters,
  writeMiniGpt4,
  writeTinyGptV,
} from "../support/pieces.ts";
import { tinyGptConfig, tinyMiniGpt4Config, tinyWhole } from "../support/tiny-model.ts";
import { type TorchTensor, writeTorch } from "../support/torch-file.ts";
import { gap } from "../support/values.ts";

const root = mkdtempSync(join(tmpdir(), "pieces-"));
afterAll(() => rmSync(root, { recursive: true }));
const fresh = (): string => mkdtempSync(join(root, "folder-"));

/** The tensors of golden/tinygptv_e2e, whose language model has no adapters. */
const bare = (): Cut => cut(tensorsOf(join(golden("tinygptv_e2e"), "weights.safetensors")), "llama_model.");

const sizes = (name: string): object => JSON.parse(readFileSync(join(golden(name), "config.json"), "utf8"));
const tinyFolder = { model_type: "tinygpt_v", stage: 4, image_size: 56 };

const published = (pieces: Cut, config: object, name?: string): string =>
  writeTinyGptV(fresh(), pieces, { ...config }, name);

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

describe("MiniGPT-4", () => {
  const config = { ...tinyMiniGpt4Config() };
  const whole = tensorsOf(join(tinyWhole(fresh(), config), "model.safetensors"));
  const source = () => writeMiniGpt4(fresh(), whole, config);

  test("taken to pieces comes back tensor by tensor, and answers", async () => {
    const dest = fresh();
    await convert(source(), dest, { precision: "f32" });
    const made = tensorsOf(join(dest, "model.safetensors"));
    expect([...made.keys()].sort()).toEqual([...whole.keys()].sort());
    for (const [key, { shape, data }] of made)
      expect([key, shape, gap(data, whole.get(key)!.data)]).toEqual([key, whole.get(key)!.shape, 0]);
    expect(JSON.parse(readFileSync(join(dest, "config.json"), "utf8"))).toEqual(config);
    expect((await answered(dest)).usage).toMatchObject({ visual_tokens: 32, completion_tokens: 2 });
  });

  test("has the published sizes where no config.json says others, and those of its language model from its folder", async () => {
    const folder = source();
    rmSync(join(folder, "config.json"));
    const { config: assembled, published } = await assemble(folder);
    published.close();
    const {
      vit,
      qformer,
      torch_dtype: _,
      ...rest
    } = readJson(knownConfig("minigpt4-7b")) as MiniGpt4Config & { torch_dtype: string };
    expect(assembled).toEqual({ ...rest, vit, qformer, llm: config.llm, template: "minigpt-4" });
    await expect(convert(folder, fresh(), { precision: "f16" })).rejects.toThrow(
      /"visual_encoder\.cls_token" is \[1,1,32\], config\.json asks for \[1,1,1408\]/,
    );
  });

  test.each<[string, (folder: string) => void, new (message: string) => Error, RegExp]>([
    [
      "no projection",
      (folder) => rmSync(join(folder, "prerained_minigpt4_7b.pth")),
      RequestError,
      /MiniGPT-4 is put together from four pieces; its projection \(.*\) is not there/,
    ],
    [
      "no language model",
      (folder) => rmSync(join(folder, "vicuna-7b"), { recursive: true }),
      RequestError,
      /Vicuna \(a folder vicuna-7b\) is not there: download it too/,
    ],
    [
      "a missing shard",
      (folder) => rmSync(join(folder, "vicuna-7b/pytorch_model-00002-of-00002.bin")),
      FormatError,
      /pytorch_model\.bin\.index\.json lists pytorch_model-00002-of-00002\.bin, which is not there/,
    ],
    [
      "a key that nobody knows",
      (folder) =>
        writeTorch(
          join(folder, "prerained_minigpt4_7b.pth"),
          new Map(
            [...whole]
              .filter(([key]) => key.startsWith("llama_proj"))
              .concat([["llama_model.model.layers.0.gate", random([2], 1)]]),
          ),
          true,
        ),
      WeightError,
      /leaves 1 unused: llama_model\.model\.layers\.0\.gate/,
    ],
    [
      "a language model of another kind",
      (folder) => {
        rmSync(join(folder, "config.json"));
        writeFileSync(
          join(folder, "vicuna-7b/config.json"),
          JSON.stringify({ ...config.llm, rope_scaling: { type: "linear", factor: 2 } }),
        );
      },
      FormatError,
      /vicuna-7b\/config\.json: rope_scaling\.type: found "linear"/,
    ],
  ])("is refused by name with %s, and nothing is left", async (_, change, kind, message) => {
    const [folder, dest] = [source(), join(fresh(), "model")];
    change(folder);
    const failure = await convert(folder, dest, { precision: "f16" }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toMatch(message);
    expect(existsSync(dest)).toBe(false);
  });
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
      /other\.pth: holds "fc\.weight", and is no piece of TinyGPT-V or MiniGPT-4; take it out/,
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
