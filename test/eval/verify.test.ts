/** Our models against the authors' own code, and the ways in which that comparison may fail. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FormatError, RequestError, WeightError } from "../../src/errors.ts";
import { verify } from "../../src/eval/verify.ts";
import { openSafetensors, type StoredTensor } from "../../src/weights/safetensors.ts";
import { altered, copied, golden, number } from "../support/altered.ts";

const folders = [
  "intern_vit",
  "mini_monkey_vision",
  "internlm2",
  "internlm2_ntk",
  "scm",
  "mini_monkey_e2e",
  "mini_monkey_train",
  "eva_vit_g",
  "qformer",
  "tinygptv_vision",
  "phi2_tinygptv",
  "phi2_tinygptv_lora",
  "tinygptv_e2e",
  "tinygptv_train",
  "tinygptv_train_conv",
];

/** Text alone teaches the projection of images nothing. */
const zero = "text_grad.llama_proj2.bias";

test.each(folders)("%s is what the authors' code computes, to a part in ten thousand", async (name) => {
  const { ok, outputs, failed } = await verify(golden(name));
  expect(failed).toEqual([]);
  expect(ok).toBe(true);
  const file = openSafetensors(join(golden(name), "outputs.safetensors"));
  expect(Object.keys(outputs).sort()).toEqual([...file.entries.keys()].sort());
  for (const [key, { dtype }] of file.entries) {
    if (key !== zero) expect(outputs[key].max_abs_value).toBeGreaterThan(0);
    if (dtype === "I64") expect(outputs[key]).toMatchObject({ max_abs_error: 0, identical: true });
  }
  file.close();
});

test("the names and shapes of TinyGPT-V's weights are those that the authors' constructors give, and another shape, name or count is said", async () => {
  const { ok, outputs } = await verify(golden("tinygptv_ckpt_keys"));
  expect(ok).toBe(true);
  // 17, 29 and 29 weights that learn, and a count for each checkpoint.
  expect(Object.keys(outputs).length).toBe(78);
  const folder = mkdtempSync(join(tmpdir(), "galago-names-"));
  const text = readFileSync(join(golden("tinygptv_ckpt_keys"), "keys.json"), "utf8");
  const failed = async (from: string | RegExp, to: string): Promise<string[]> => {
    writeFileSync(join(folder, "keys.json"), text.replace(from, to));
    return (await verify(folder)).failed;
  };
  expect(await failed('"n_all": 187', '"n_all": 188')).toEqual(["stage1_no_lora(MiniGPT4,lora_r=0): tensors"]);
  expect(await failed(/("llama_proj.weight": \[\s*)4096/, "$1 4095")).toEqual([
    "stage1_no_lora(MiniGPT4,lora_r=0): llama_proj.weight",
  ]);
  expect(await failed(/q_layernorm/, "q_norm")).toEqual([
    "stage1_no_lora(MiniGPT4,lora_r=0): llama_model.model.layers.0.self_attn.q_norm.weight",
  ]);
  rmSync(folder, { recursive: true });
});

test("the reference's own magnitude is the scale of the error", async () => {
  const file = openSafetensors(join(golden("intern_vit"), "outputs.safetensors"));
  const largest = Math.max(...(file.read("pooler_output_56") as Float32Array).map(Math.abs));
  file.close();
  const { outputs } = await verify(golden("intern_vit"));
  expect(outputs.pooler_output_56.max_abs_value).toBe(largest);
  const off = (part: number) =>
    altered(
      copied("intern_vit"),
      "outputs",
      number("pooler_output_56", 3, (x) => x + part * largest),
    );
  expect((await verify(off(0.5e-4))).failed).toEqual([]);
  expect((await verify(off(2e-4))).failed).toEqual(["pooler_output_56"]);
  expect((await verify(off(2e-4), { tolerance: 3e-4 })).ok).toBe(true);
});

test("no tolerance lets float32 pass where it is not identical", async () => {
  const { ok, outputs, failed } = await verify(golden("intern_vit"), { tolerance: 0 });
  expect(ok).toBe(false);
  expect(failed).toEqual(Object.keys(outputs).filter((name) => !outputs[name].identical));
});

test("a changed weight fails every output behind it and none before it", async () => {
  const key = "encoder.layers.1.mlp.fc1.weight";
  const folder = altered(
    copied("intern_vit"),
    "weights",
    number(key, 0, (x) => x + 1),
  );
  const { ok, failed } = await verify(folder);
  expect(ok).toBe(false);
  expect(failed).toContain("last_hidden_state_56");
  expect(failed).not.toContain("hidden_states_1_56");
});

test("a token that differs fails, whatever the tolerance", async () => {
  const folder = altered(
    copied("internlm2"),
    "outputs",
    number("greedy_tokens", 5, (id) => id + 1),
  );
  const { failed, outputs } = await verify(folder, { tolerance: 1 });
  expect(failed).toEqual(["greedy_tokens"]);
  expect(outputs.greedy_tokens).toMatchObject({ max_abs_error: 1, identical: false });
});

describe("an output that cannot be compared fails and has no error", () => {
  const one: StoredTensor = { dtype: "F32", shape: [1], data: Float32Array.of(2) };
  test.each([
    ["one that the kind does not have", "cls_56", (t: Map<string, StoredTensor>) => t.set("cls_56", one)],
    ["one of another shape", "pooler_output_56", (t: Map<string, StoredTensor>) => t.set("pooler_output_56", one)],
    ["one with NaN", "pooler_output_56", number("pooler_output_56", 0, () => Number.NaN)],
  ])("%s", async (_, name, change) => {
    const { ok, failed, outputs } = await verify(altered(copied("intern_vit"), "outputs", change));
    expect([ok, failed]).toEqual([false, [name]]);
    expect(outputs[name]).toMatchObject({ max_abs_error: null, identical: false });
  });
});

describe("a folder that is no reference is refused by name", () => {
  const told = (file: string, text: string) => (folder: string) => writeFileSync(join(folder, file), text);
  const changed = (part: "weights" | "inputs" | "outputs", f: (t: Map<string, StoredTensor>) => void) => (at: string) =>
    altered(at, part, f);
  const without = (key: string) => (t: Map<string, StoredTensor>) => t.delete(key);
  test.each([
    [
      "an unknown kind",
      told("reference.json", '{"kind": "intern_vlt"}'),
      RequestError,
      /no kind "intern_vlt"; there are intern_vit, mini_monkey_vision, internlm2, internlm2_ntk, scm/,
    ],
    [
      "a kind that is a property of every object",
      told("reference.json", '{"kind": "toString"}'),
      RequestError,
      /no kind/,
    ],
    ["no kind", told("reference.json", "{}"), FormatError, /reference\.json: has no "kind"/],
    ["a kind of another model", told("reference.json", '{"kind": "scm"}'), FormatError, /config\.json: model_type/],
    ["damaged JSON", told("config.json", "{"), FormatError, /config\.json: is not JSON/],
    [
      "a configuration that asks for something else",
      told("config.json", '{"hidden_size": 0}'),
      FormatError,
      /hidden_size/,
    ],
    ...["reference.json", "config.json", "weights.safetensors", "inputs.safetensors", "outputs.safetensors"].map(
      (file) =>
        [`no ${file}`, (at: string) => rmSync(join(at, file)), RequestError, `${file}: no such file`] as [
          string,
          (folder: string) => void,
          typeof RequestError,
          string,
        ],
    ),
    [
      "a weight that is NaN",
      changed(
        "weights",
        number("encoder.layers.0.ls1", 4, () => Number.NaN),
      ),
      WeightError,
      /"encoder\.layers\.0\.ls1" holds NaN or infinity at 4/,
    ],
    [
      "a weight that is missing",
      changed("weights", without("encoder.layers.0.ls1")),
      WeightError,
      /no weight "encoder\.layers\.0\.ls1" in .*; nearest: encoder\.layers\.[01]\.ls[12]/,
    ],
    [
      "an outputs file without outputs",
      changed("outputs", (t) => t.clear()),
      FormatError,
      /outputs\.safetensors: holds nothing/,
    ],
  ] as [string, (folder: string) => void, new (message: string) => Error, RegExp | string][])(
    "%s",
    async (_, spoil, kind, message) => {
      const folder = copied("intern_vit");
      spoil(folder);
      const failure = await verify(folder).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(kind);
      expect((failure as Error).message).toMatch(message);
    },
  );

  test("an input that is missing is named with those there are", async () => {
    const folder = altered(copied("internlm2"), "inputs", (t) => t.delete("padded_attention_mask"));
    await expect(verify(folder)).rejects.toThrow(
      /has no "padded_attention_mask"; there are input_ids, padded_input_ids/,
    );
  });

  test("a prompt without a visual token has nothing to compress", async () => {
    const folder = copied("scm");
    altered(folder, "inputs", (t) => (t.get("case0_input_ids")!.data as BigInt64Array).fill(1n));
    await expect(verify(folder)).rejects.toThrow("hold no visual token; expected some of id 150");
  });
});

test("a tile that stands for no image is left out of training", async () => {
  const folder = altered(copied("mini_monkey_train"), "inputs", (t) => {
    const [pixels, flags] = ["pixel_values", "image_flags"].map((key) => t.get(key)!);
    const tile = Float32Array.from({ length: 3 * 56 * 56 }, (_, i) => Math.sin(i));
    t.set("pixel_values", {
      ...pixels,
      shape: [6, 3, 56, 56],
      data: Float32Array.from([...tile, ...(pixels.data as Float32Array)]),
    });
    t.set("image_flags", { ...flags, shape: [6, 1], data: BigInt64Array.from([0n, ...(flags.data as BigInt64Array)]) });
  });
  expect((await verify(folder)).failed).toEqual([]);
});
