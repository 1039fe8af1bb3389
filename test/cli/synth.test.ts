/** `galago synth`: what it writes, and what it refuses. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { synth } from "../../src/cli/synth.ts";
import { draw } from "../../src/data/draw.ts";
import { galago } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-synth-"));
afterAll(() => rmSync(folder, { recursive: true }));
const list = [synth];

test("page i is the page drawn from seed + i, and a second run writes the same bytes", async () => {
  const out = join(folder, "lines");
  const words = ["synth", "--kind", "line", "--count", "3", "--seed", "5", "--out", out, "--json"];
  const { status, text, stderr } = await galago(words, { list });
  expect([status, stderr]).toEqual([0, ""]);
  expect(JSON.parse(text)).toMatchObject({ kind: "line", count: 3, seed: 5, effects: 0.5, fonts: "train" });
  const truth = readFileSync(join(out, "truth.jsonl"), "utf8");
  const pages = truth
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(pages.map((page) => page.text)).toEqual([5, 6, 7].map((seed) => draw("line", seed).text));
  expect(readdirSync(join(out, "images")).sort()).toEqual(["line-5.png", "line-6.png", "line-7.png"]);
  const first = readFileSync(join(out, "images", "line-5.png"));
  await galago(words, { list });
  expect(readFileSync(join(out, "images", "line-5.png")).equals(first)).toBe(true);
  expect(readFileSync(join(out, "truth.jsonl"), "utf8")).toBe(truth);
});

test.each([
  ["an unknown kind", ["--kind", "poem"], 1, /no kind "poem"; there are word, line/],
  ["a count of none", ["--kind", "line", "--count", "0"], 2, /--count: "0" is no whole number of at least 1/],
  ["a seed that is no number", ["--kind", "line", "--seed", "x"], 2, /--seed: "x" is no whole number/],
  ["effects beyond 1", ["--kind", "line", "--effects", "1.5"], 2, /--effects: "1.5" is no number from 0 to 1/],
  ["fonts that are not there", ["--kind", "line", "--fonts", "all"], 2, /expected train or heldout/],
  ["no kind", [], 2, /--kind/],
])("%s is refused in one line, and nothing is written", async (_, words, expected, message) => {
  const out = join(folder, "none");
  const { status, text, stderr } = await galago(["synth", "--out", out, ...words], { list });
  expect([status, text]).toEqual([expected, ""]);
  expect(stderr).toMatch(message);
  expect(stderr.trim().split("\n").length).toBe(1);
  expect(existsSync(out)).toBe(false);
});

test("a file in the place of the folder ends with status 1 and names it", async () => {
  const out = join(folder, "file");
  writeFileSync(out, "");
  const { status, stderr } = await galago(["synth", "--kind", "line", "--out", out], { list });
  expect(status).toBe(1);
  expect(stderr).toContain(out);
});
