/** `galago convert`, against the build. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { built } from "../support/built.ts";
import { tinyConfig, tinyGptConfig, tinyWhole, wideModel } from "../support/tiny-model.ts";
import { golden } from "../vision/golden.ts";
import { galago, interrupted } from "./terminal.ts";

const { main: program } = (await import(built("cli/program.js").href)) as typeof import("../../src/cli/program.ts");
const home = mkdtempSync(join(tmpdir(), "galago-convert-"));
afterAll(() => rmSync(home, { recursive: true }));

test("adapters are merged unless they are to be kept", async () => {
  const source = tinyWhole(join(home, "source"), tinyGptConfig({ lora: { r: 4, lora_alpha: 8 } }));
  const made = async (dest: string, ...words: string[]) => {
    const { status, text } = await galago(["convert", source, join(home, dest), ...words, "--json"], { program });
    const { tensors } = JSON.parse(text);
    return { status, tensors, lora: JSON.parse(readFileSync(join(home, dest, "config.json"), "utf8")).lora };
  };
  const [kept, merged] = [await made("kept", "--lora", "keep"), await made("merged")];
  expect(kept).toMatchObject({ status: 0, lora: { r: 4, lora_alpha: 8 } });
  // Two layers in each of three are adapted, by two matrices.
  expect(merged).toEqual({ status: 0, lora: undefined, tensors: kept.tensors - 12 });
});

test("calibration tells what rounding costs each product, in a table and in JSON", async () => {
  const source = tinyWhole(join(home, "to-calibrate"), { ...tinyConfig(), tiles: "single" });
  const image = fileURLToPath(golden("resize/noise_33x47.png"));
  const words = [
    "convert",
    source,
    join(home, "calibrated"),
    "--precision",
    "int8",
    "--threads",
    "1",
    "--calibrate",
    image,
  ];
  const { calibration } = JSON.parse((await galago([...words, "--json"], { program })).text);
  const { status, text } = await galago(words, { program });
  expect(status).toBe(0);
  const [titles, ...lines] = text.trimEnd().split("\n");
  expect(titles).toMatch(/^product +error before +after +strength$/);
  expect(lines.pop()).toMatch(/^\d+ weights, 0\.\d million numbers, in /);
  expect(lines.map((line) => line.split(/ +/)[0])).toEqual(calibration.map(({ layer }: { layer: string }) => layer));
  for (const { layer, error_before, error_after, strength, why } of calibration) {
    expect(error_before, layer).toBeGreaterThan(0);
    expect(error_before, layer).toBeLessThan(0.1);
    expect(error_after, layer).toBeLessThanOrEqual(error_before);
    expect(why === null, layer).toBe(strength !== null);
  }
});

test("a folder without images is named, and nothing is written", async () => {
  const [source, dest] = [tinyWhole(join(home, "no-images"), tinyConfig()), join(home, "not-made")];
  const { status, stderr } = await galago(["convert", source, dest, "--precision", "int4", "--calibrate", source], {
    program,
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/no-images": holds no image; expected files as \.png/);
  expect(existsSync(dest)).toBe(false);
});

test.each(["convert", "fabricate"])(
  "Ctrl-C ends %s in the middle of the weights, nothing of them is left, and the next run is whole",
  async (name) => {
    const dest = join(home, `stopped-${name}`);
    const words = {
      convert: ["convert", wideModel(join(home, "wide")), dest, "--precision", "int8"],
      fabricate: ["fabricate", "internvl2-1b", "--out", dest],
    }[name]!;
    const begun = () => existsSync(dest) && readdirSync(dest).some((file) => file.endsWith(".part"));
    expect(await interrupted(words, begun)).toBe(130);
    expect(existsSync(dest) ? readdirSync(dest) : []).toEqual([]);
    if (name === "fabricate") return;
    expect((await galago(words, { program })).status).toBe(0);
    expect(readdirSync(dest).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  },
);

test("a disk that takes no more in the middle of the weights is said, nothing of them is left, and the next run is whole", async () => {
  const source = tinyWhole(join(home, "to-fill"), tinyConfig());
  const dest = join(home, "full");
  const words = ["convert", source, dest, "--precision", "int8"];
  const command = [process.execPath, fileURLToPath(built("cli/main.js")), ...words];
  const { status, stderr } = spawnSync("bash", ["-c", 'ulimit -f 64; exec "$@"', "bash", ...command]);
  expect([status, String(stderr)]).toEqual([
    1,
    `galago: ${join(dest, "model.safetensors")}: not written: a file may not be so large on this disk; write to another\n`,
  ]);
  expect(existsSync(dest)).toBe(false);
  expect((await galago(words, { program })).status).toBe(0);
  expect(readdirSync(dest).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
});

test.each([
  ["--lora", "drop", /--lora: "drop" is nothing to do with adapters, expected merge or keep/],
  ["--calibrate", home, /--calibrate is for --precision int8 and int4, which round weights; found f16/],
  ["--precision", "int3", /--precision: "int3" is no way to store weights/],
])("%s %s is wrong usage, and nothing is written", async (flag, word, message) => {
  const dest = join(home, "none");
  const { status, stderr } = await galago(["convert", home, dest, flag, word], { program });
  expect(status).toBe(2);
  expect(stderr).toMatch(message);
  expect(existsSync(dest)).toBe(false);
});
