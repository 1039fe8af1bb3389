/** `galago eval synth`, against the build, with a model that says nothing. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { built } from "../support/built.ts";
import { tinyModel } from "../support/tiny-model.ts";
import { galago } from "./terminal.ts";

const { main: program } = (await import(built("cli/program.js").href)) as typeof import("../../src/cli/program.ts");

const root = mkdtempSync(join(tmpdir(), "galago-eval-"));
afterAll(() => rmSync(root, { recursive: true }));
const folder = tinyModel(join(root, "ends"), { says: 4, config: { tiles: "native:1..40" } });
const evaluate = (...words: string[]) =>
  galago(["eval", "synth", "--model", folder, "--count", "1", "--task", "clean line", "--threads", "1", ...words], {
    program,
  });

test("--compress compares methods at three ratios, one line each, with the tokens they kept", async () => {
  const { status, text } = await evaluate("--compress", "random", "fastv:0.1");
  expect(status).toBe(0);
  const [titles, ...lines] = text
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  expect(titles).toEqual(["compression", "tokens kept", "clean line, character errors"]);
  expect(lines.map(([method]) => method)).toEqual(["off", "random:0.75", "random:0.5", "random:0.25", "fastv:0.1"]);
  const kept = lines.map(([, share]) => Number.parseFloat(share));
  for (const [i, share] of [100, 75, 50, 25, 10].entries()) expect(Math.abs(kept[i] - share)).toBeLessThan(5);
  expect(lines.map(([, , errors]) => errors)).toEqual(Array(5).fill("100.0%"));
});

test("without options one table shows the same pages through four ways of seeing, with what they cost", async () => {
  const { status, text } = await evaluate();
  expect(status).toBe(0);
  const [titles, scores, tokens, time] = text.trimEnd().split("\n");
  expect(titles.split(/ {2,}/)).toEqual([
    "task",
    "score",
    "asked",
    "own tiles",
    "own tiles, SCM 0.5",
    "MSAC",
    "single tile",
  ]);
  expect(scores).toMatch(/^clean line +character errors +1 +100\.0% +100\.0% +100\.0% +100\.0%$/);
  const [own, scm, msac, single] = tokens
    .replace(/^visual tokens kept +/, "")
    .split(/ +/)
    .map(Number);
  expect(scm).toBe(Math.round(own / 2));
  expect(msac).toBeGreaterThan(own);
  expect(single).toBeLessThanOrEqual(own);
  expect(time).toMatch(/^time a question( +\d+ ms){4}$/);
});

test("--compress alone compares every method", async () => {
  const { ways } = JSON.parse((await evaluate("--compress", "--json")).text);
  expect(ways.map(({ way }: { way: string }) => way.split(":")[0])).toEqual([
    "off",
    ...["scm", "random", "divprune", "fastv"].flatMap((method) => [method, method, method]),
  ]);
});

test("scenes are scored a line each, and take no tiles", async () => {
  const words = ["eval", "scenes", "--model", folder, "--count", "2", "--threads", "1"];
  const { status, text } = await galago([...words, "--task", "refer"], { program });
  expect(status).toBe(0);
  expect(text).toMatch(/^task +score.*\nrefer +boxes at IoU 0\.5 +2 +0\.0% +\d+ ms\n$/);
  const refused = await galago([...words, "--skip-blank"], { program });
  expect([refused.status, refused.text]).toEqual([2, ""]);
  expect(refused.stderr).toMatch(/--skip-blank is for synth/);
});

test.each([
  [["--compress", "half"], 1, /no compression "half:0.75"/],
  [["--compress", "random", "--scm", "0.5"], 2, /--scm and --compress are both given/],
] as [string[], number, RegExp][])("%j is refused", async (words, expected, message) => {
  const { status, stderr } = await evaluate(...words);
  expect(status).toBe(expected);
  expect(stderr).toMatch(message);
});
