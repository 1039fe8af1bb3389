/** `galago pull` of a model whose small files are refused: they are corrected where they lie, and the same command goes on with them. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { type FakeHub, hubAndHomes, sha256, status } from "../support/hub.ts";
import { tinyModel } from "../support/tiny-model.ts";
import { galago } from "./terminal.ts";

const root = mkdtempSync(join(tmpdir(), "galago-edited-"));
const published = tinyModel(join(root, "published"));
const names = ["config.json", "model.safetensors", "tokenizer.json"];
const right = Object.fromEntries(names.map((name) => [name, readFileSync(join(published, name))]));
const [config, weights, tokenizer] = names;
const strange = Buffer.from(JSON.stringify({ ...JSON.parse(String(right[config])), max_new_token: 3 }));
const advice = "once you have corrected that file, the same command goes on with it\n";

let hub: FakeHub;
let home: string;
const at = hubAndHomes(root);
const there = (name: string): string => join(home, "downloads/me/tiny", name);
const made = (name: string): Buffer => readFileSync(join(home, "models/me/tiny", name));
const pull = (...more: string[]) => galago(["pull", "me/tiny", "--precision", "f32", ...more]);
/** Files of which bytes were sent since this was asked before. */
const sent = (): string[] =>
  hub.requests.splice(0).flatMap(({ to, path }) => (to === "store" ? [path.split("//")[1]] : []));

beforeEach(() => {
  ({ hub, home } = at);
  for (const name of names) hub.put("me/tiny", name, right[name]);
});

test("a field that nobody knows is taken out, and nothing is fetched twice", async () => {
  hub.put("me/tiny", config, strange);
  const refused = await pull();
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining(`${there(config)}: max_new_token: `)]);
  expect(refused.stderr.endsWith(advice)).toBe(true);
  expect(sent().sort()).toEqual([config, tokenizer]);
  writeFileSync(there(config), right[config]);

  const { status, text, stderr } = await pull("--json");
  expect([status, stderr]).toEqual([0, expect.stringMatching(/^config\.json {2}[\d.]+ k?B, as corrected here$/m)]);
  const [first, ...others] = JSON.parse(text).files;
  expect(first).toEqual({
    path: config,
    bytes: right[config].length,
    sha256: sha256(right[config]),
    edited: true,
  });
  expect(others.some(({ edited }: { edited?: true }) => edited)).toBe(false);
  expect(sent()).toEqual([weights]);
  expect(made(config).equals(right[config])).toBe(true);
  expect(readdirSync(join(home, "downloads"))).toEqual([]);
});

test("a file that is refused only when it is converted is corrected as well", async () => {
  hub.put("me/tiny", tokenizer, Buffer.from("{"));
  const refused = await pull();
  expect([refused.status, refused.stderr]).toEqual([
    1,
    expect.stringContaining(`galago: ${there(tokenizer)}: is not JSON; ${advice}`),
  ]);
  writeFileSync(there(tokenizer), right[tokenizer]);
  sent();
  expect((await pull()).status).toBe(0);
  expect(sent()).toEqual([]);
});

test("a correction that is refused stays as it is, for the next one", async () => {
  hub.put("me/tiny", config, strange);
  await pull();
  writeFileSync(there(config), "{,");
  for (const _ of ["once", "twice"])
    expect((await pull()).stderr).toContain(`galago: ${there(config)}: is not JSON; ${advice}`);
  expect(readFileSync(there(config), "utf8")).toBe("{,");
  writeFileSync(there(config), right[config]);
  expect((await pull()).status).toBe(0);
});

test("what was refused and not corrected is as the hub has it, also when that is another by now", async () => {
  hub.put("me/tiny", config, strange);
  for (const _ of ["once", "twice"]) expect((await pull()).stderr).toContain("max_new_token");
  hub.put("me/tiny", config, right[config]);
  const { status, stderr } = await pull();
  expect([status, stderr]).toEqual([0, expect.not.stringContaining("corrected")]);
});

test("files that were not refused are held against their hashes: a change of theirs is undone", async () => {
  hub.put("me/tiny", config, strange);
  await pull();
  writeFileSync(there(config), right[config]);
  writeFileSync(there(tokenizer), Buffer.from(right[tokenizer]).fill(1, 100, 200));
  hub.trickHub(`resolve/main/${weights}`, status(403));
  expect((await pull()).stderr).toMatch(/model\.safetensors: .* gives no access/);
  expect(readFileSync(there(tokenizer)).equals(right[tokenizer])).toBe(true);
  writeFileSync(there(weights), Buffer.from(right[weights]).fill(1, 5000, 6000));
  sent();
  expect((await pull()).status).toBe(0);
  expect(sent()).toEqual([weights]);
  expect(JSON.parse(String(made(tokenizer)))).toEqual(JSON.parse(String(right[tokenizer])));
});

test("a config.json that was accepted once is as the hub has it again", async () => {
  hub.put("me/tiny", config, strange);
  await pull();
  hub.put("me/tiny", config, right[config]);
  hub.trickHub(`resolve/main/${weights}`, status(403));
  await pull();
  writeFileSync(there(config), `${right[config]} `);
  expect((await pull()).status).toBe(0);
  expect(made(config).equals(right[config])).toBe(true);
});
