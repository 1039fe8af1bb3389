/** `galago plan`, with a model that is nothing but its config.json. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { tinyConfig } from "../support/tiny-model.ts";
import { golden } from "../vision/golden.ts";
import { galago } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-plan-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A model folder whose config.json is `base` with `changes`, or is the words given. */
function model(changes: object | string): string {
  const made = mkdtempSync(join(folder, "model-"));
  const base = tinyConfig({ force_image_size: 448 });
  writeFileSync(
    join(made, "config.json"),
    typeof changes === "string" ? changes : JSON.stringify({ ...base, ...changes }),
  );
  return made;
}

const plain = model({});

describe("--json", () => {
  test.each([
    [
      "1000x400",
      [],
      { detailed: [5, 2], adaptive: [3, 1], global: true, tiles: 14, visual_tokens: 3584, visual_tokens_kept: 3584 },
    ],
    ["1000x400", ["--scm", "0.5"], { visual_tokens: 3584, visual_tokens_kept: 2304 }],
    ["1000x400", ["--tiles", "dynamic:1..12"], { detailed: [5, 2], adaptive: null, global: true, tiles: 11 }],
    [
      "1000x400",
      ["--tiles", "single"],
      { detailed: [1, 1], adaptive: null, global: false, tiles: 1, visual_tokens: 256 },
    ],
    ["1x5000", ["--tiles", "msac:detailed=4..12,adaptive=3..7"], { detailed: [1, 12], adaptive: [1, 7], tiles: 20 }],
  ])("%s %j", async (size, options, expected) => {
    const { status, text, stderr } = await galago(["plan", size, "--model", plain, "--json", ...options]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(JSON.parse(text)).toMatchObject(expected);
    expect(Object.keys(JSON.parse(text))).toEqual([
      "detailed",
      "adaptive",
      "global",
      "tiles",
      "visual_tokens",
      "visual_tokens_kept",
    ]);
  });

  test("an image file is planned by its own size, also from standard input", async () => {
    const file = fileURLToPath(golden("resize/text_640x48.png"));
    const ofSize = await galago(["plan", "640x48", "--model", plain, "--json"]);
    expect((await galago(["plan", file, "--model", plain, "--json"])).text).toBe(ofSize.text);
    expect((await galago(["plan", "-", "--model", plain, "--json"], { stdin: readFileSync(file) })).text).toBe(
      ofSize.text,
    );
  });

  test("a model's own tiles and ratio hold where no option says otherwise", async () => {
    const own = model({ tiles: "dynamic:1..6", scm_ratio: 0.25 });
    const run = async (...options: string[]) =>
      JSON.parse((await galago(["plan", "300x200", "--model", own, "--json", ...options])).text);
    expect(await run()).toMatchObject({ detailed: [3, 2], tiles: 7, visual_tokens: 1792, visual_tokens_kept: 640 });
    expect(await run("--scm", "off")).toMatchObject({ visual_tokens_kept: 1792 });
  });
});

test("without --json the grids are drawn and counted", async () => {
  const { text } = await galago(["plan", "4000x1600", "--model", plain]);
  expect(text).toBe(
    [
      "4000 x 1600 pixels, msac:detailed=4..12,adaptive=3..7, tiles of 448 x 448",
      "",
      "detailed 5 x 2     adaptive 3 x 1   global 1 x 1",
      "+--+--+--+--+--+   +--+--+--+       +--+",
      "|  |  |  |  |  |   |  |  |  |       |  |",
      "+--+--+--+--+--+   +--+--+--+       +--+",
      "|  |  |  |  |  |",
      "+--+--+--+--+--+",
      "",
      "14 tiles, 3584 visual tokens, 3584 kept",
      "the finest grid sees the image at 0.56 times its size: detail is lost",
      "",
    ].join("\n"),
  );
});

describe("bad models", () => {
  test.each([
    ["a name that is none", "smolvm", /no model "smolvm"; there are .*, or name a folder with a config\.json/],
    ["a folder without a model", folder, /no model "/],
    ["a config.json that is not JSON", model("{"), /config\.json: is not JSON/],
    [
      "a config.json without a patch size",
      model({ vision_config: { ...tinyConfig().vision_config, patch_size: undefined } }),
      /vision_config\.patch_size: /,
    ],
    ["a config.json of another kind", model({ downsample_ratio: "half" }), /downsample_ratio: /],
  ])("%s ends with status 1 and one line", async (_, name, message) => {
    const { status, text, stderr } = await galago(["plan", "10x10", "--model", name, "--json"]);
    expect([status, text]).toEqual([1, ""]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^galago: [^\n]+\n$/);
  });
});
