/** What the documents promise about the code beside them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commands } from "../../src/cli/program.ts";
import { root } from "./source.ts";

const text = (path: string): string => readFileSync(join(root, path), "utf8");
const readme = text("README.md");

test("the README opens with the two commands, and .ci/run runs the second", () => {
  const [ask, check] = readme.split("\n").filter((line) => line.startsWith("    "));
  expect([ask, check]).toEqual([
    '    npm install && npx galago ask examples/receipt.png "What is the total?"',
    "    npm install && npm test",
  ]);
  expect(text(".ci/run")).toContain("npm test");
});

test("the README's table names every command", () => {
  const rows = [...readme.matchAll(/^\| `galago (\w+)/gm)].map(([, name]) => name);
  expect(rows.sort()).toEqual(commands.map(({ name }) => name).sort());
});

test("the changelog begins with the version of package.json", () => {
  expect(/^## (\S+)/m.exec(text("CHANGELOG.md"))?.[1]).toBe(JSON.parse(text("package.json")).version);
});

test("an example fits on a screen", () => {
  const programs = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"));
  expect(programs.filter((name) => text(`examples/${name}`).trimEnd().split("\n").length > 30)).toEqual([]);
});
