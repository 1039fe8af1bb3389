/** Bad input from end to end, against the build: the right exit status, one line on stderr that names what is at fault, nothing on stdout, nothing half-written. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { built } from "../support/built.ts";
import { type TinyOptions, tinyModel } from "../support/tiny-model.ts";
import { tinyModel as trainedModel } from "../train/tiny.ts";
import { golden } from "../vision/golden.ts";
import { galago } from "./terminal.ts";

const { main: program } = (await import(built("cli/program.js").href)) as typeof import("../../src/cli/program.ts");

const home = mkdtempSync(join(tmpdir(), "galago-errors-"));
const image = fileURLToPath(golden("resize/noise_33x47.png"));
afterAll(() => rmSync(home, { recursive: true }));

/** Runs `galago`; expects a status, one line on stderr and an empty stdout. */
async function fails(words: readonly string[], status: number, message: RegExp): Promise<void> {
  const outcome = await galago(words, { program });
  expect(outcome.stderr).toMatch(/^galago: [^\n]+\n$/);
  expect(outcome.stderr).toMatch(message);
  expect([outcome.status, outcome.text]).toEqual([status, ""]);
}

describe("ask with a model folder in which", () => {
  const ask = (model: string, message: RegExp): Promise<void> =>
    fails(["ask", image, "?", "--model", model, "--tiles", "single", "--threads", "1"], 1, message);

  const model = (options?: TinyOptions): string => tinyModel(mkdtempSync(join(home, "model-")), options);

  /** A model with one of its files changed, taken away, or turned into a folder. */
  function spoiled(file: string, change: "gone" | "folder" | ((bytes: Buffer) => string | Uint8Array)): string {
    const folder = model();
    const path = join(folder, file);
    const bytes = readFileSync(path);
    rmSync(path);
    if (change === "folder") mkdirSync(path);
    else if (change !== "gone") writeFileSync(path, change(bytes));
    return folder;
  }
  const weights = "model.safetensors";
  const replaced = (from: string | RegExp, to: string) => (bytes: Buffer) => bytes.toString().replace(from, to);

  test.each<[string, () => string, RegExp]>([
    [
      "there is nothing",
      () => mkdtempSync(join(home, "empty-")),
      /no model ".*"; there are .*, or name a folder with a config\.json/,
    ],
    [
      "there are no weights",
      () => spoiled(weights, "gone"),
      /holds no model: no \*\.safetensors file was found there; galago convert makes one/,
    ],
    ["the weights are empty", () => spoiled(weights, () => ""), /model\.safetensors: cut short: the file has 0 bytes/],
    [
      "the weights are cut short",
      () => spoiled(weights, (all) => all.subarray(0, -1)),
      /galago: \/\S+\/model\.safetensors: cut short: header promises .* bytes, the file has .*; download it again/,
    ],
    ["the weights are no safetensors", () => spoiled(weights, () => "PK".repeat(500)), /model\.safetensors: /],
    [
      "a weight has another shape",
      () => spoiled("config.json", replaced('"intermediate_size":64', '"intermediate_size":48')),
      /\.weight" is \[64, 32\] in .*, \[48, 32\] in the model; download both again, or take the config\.json/,
    ],
    [
      "a weight is missing",
      () => model({ spoil: (key, data) => (key.endsWith("wo.weight") ? null : data) }),
      /no weight "language_model\.model\.layers\.0\.attention\.wo\.weight" in .*; nearest: /,
    ],
    [
      "a weight is not a number",
      () => model({ spoil: (_, data) => data.fill(Number.NaN, 0, 1) }),
      /holds NaN or infinity at 0/,
    ],
    [
      "config.json is cut short",
      () => spoiled("config.json", (all) => all.subarray(0, -1)),
      /config\.json: is not JSON/,
    ],
    ["config.json is a folder", () => spoiled("config.json", "folder"), /config\.json: cannot be read: EISDIR/],
    [
      "config.json is of another architecture",
      () => spoiled("config.json", replaced('"internvl_chat"', '"qwen2_vl"')),
      /config\.json: model_type: found "qwen2_vl", expected one of internvl_chat, llava/,
    ],
    ["there is no tokenizer", () => spoiled("tokenizer.json", "gone"), /tokenizer\.json: no such file/],
    ["the tokenizer is damaged", () => spoiled("tokenizer.json", () => "{}"), /tokenizer\.json: /],
  ])("%s", (_, folder, message) => ask(folder(), message));
});

/** A training of one step on one word; returns its file, beside which it would write into out/. */
function training(changes: object = {}): string {
  const folder = mkdtempSync(join(home, "train-"));
  const path = join(folder, "run.yaml");
  const phase = {
    name: "words",
    steps: 1,
    lr: [1e-2, 1e-3],
    shapes: [{ rows: 1, tokens: 96, tiles: 2 }],
    mixture: [{ kind: "word", tiles: "single" }],
  };
  const config = { out: join(folder, "out"), model: trainedModel, phases: [phase], threads: 1, ...changes };
  writeFileSync(path, stringify(config));
  return path;
}

describe("train with", () => {
  const written = (text: string): string => {
    const path = training();
    writeFileSync(path, text);
    return path;
  };

  test.each<[string, () => string, RegExp]>([
    ["no such file", () => join(home, "none.yaml"), /none\.yaml: no such file; expected a training configuration/],
    ["a folder", () => home, /: cannot be read: EISDIR.*; expected a training configuration/],
    ["a file that is no YAML", () => written("out: [1"), /run\.yaml is no YAML: /],
    ["an empty file", () => written(""), /run\.yaml: the file: /],
    ["an option of no kind", () => training({ sede: 1 }), /run\.yaml: the file: Unrecognized key: "sede"/],
    ["no phases", () => training({ phases: [] }), /run\.yaml: phases: /],
    ["a start that is not there", () => training({ from: join(home, "none") }), /none: no such folder/],
    ["an out that is a file", () => training({ out: image }), /noise_33x47\.png/],
  ])("%s", (_, path, message) => fails(["train", path()], 1, message));

  test("a disk that takes no more of the state leaves the run's folder without a state and without a model", () => {
    const path = training();
    const words = [process.execPath, fileURLToPath(built("cli/main.js")), "train", path];
    // Files of at most 64 blocks: the metrics fit, the state does not.
    const { status, stdout, stderr } = spawnSync("bash", ["-c", 'ulimit -f 64; exec "$@"', "bash", ...words], {
      encoding: "utf8",
    });
    expect(stderr).toMatch(/^galago: [^\n]*state\.safetensors: not written: [^\n]+\n$/);
    expect([status, stdout]).toEqual([1, ""]);
    expect(readdirSync(join(path, "..", "out"))).toEqual(["metrics.jsonl"]);
  });
});

describe("eval with", () => {
  beforeAll(() => void tinyModel(join(home, "babble")));
  test.each<[string, string[], number, RegExp]>([
    ["no suite of that name", ["docvqa"], 2, /no suite "docvqa"; there are synth and scenes/],
    ["no task of that name", ["synth", "--task", "poems"], 2, /no task "poems"; there are receipt total, /],
    ["no row of that name", ["scenes", "--task", "poems"], 2, /no task "poems"; there are caption, /],
    ["no pages", ["synth", "--count", "0"], 2, /--count.* "0" is no whole number of at least 1/],
    ["no model", ["synth", "--model", "smolvm"], 1, /no model "smolvm"; there are /],
  ])("%s", (_, words, status, message) => fails(["eval", ...words], status, message));
});
