/** `galago resize` against Pillow's bytes, and what it leaves behind when it fails. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { decoder } from "../../src/vision/decode.ts";
import { golden, goldenJson } from "../vision/golden.ts";
import { galago } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-resize-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [reference] = goldenJson("resize/index.json");
const source = fileURLToPath(golden(`resize/${reference.source}`));
const to = `${reference.width}x${reference.height}`;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("--raw writes the bytes that Pillow gives", async () => {
  const { status, stdout, stderr } = await galago(["resize", source, "--to", to, "--raw"]);
  expect([status, stderr]).toEqual([0, ""]);
  expect(sha256(stdout)).toBe(reference.sha256);
});

test("without --raw the same pixels come as a PNG, to standard output or a file", async () => {
  const { stdout } = await galago(["resize", "-", "--to", to], { stdin: readFileSync(source) });
  expect(sha256((await decoder.decode(stdout)).data)).toBe(reference.sha256);
  const out = join(folder, "small.png");
  expect(await galago(["resize", source, "--to", to, "--out", out])).toMatchObject({ status: 0, text: "" });
  expect(readFileSync(out).equals(stdout)).toBe(true);
});

test.each([
  ["a missing file", "missing.png", /"missing\.png": no such file/],
  ["a folder", folder, /is a folder, expected a file/],
  ["text", fileURLToPath(golden("resize/index.json")), /which is no image/],
])("%s ends with status 1, one line and no output file", async (_, file, message) => {
  const { status, stdout, stderr } = await galago(["resize", file, "--to", "8x8", "--out", join(folder, "none.png")]);
  expect([status, stdout.length]).toEqual([1, 0]);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^galago: [^\n]+\n$/);
  expect(readdirSync(folder)).not.toContain("none.png");
});

test("a file that cannot take its name leaves nothing beside it", async () => {
  const place = mkdtempSync(join(folder, "taken-"));
  const { status, stderr } = await galago(["resize", source, "--to", "8x8", "--out", place]);
  expect([status, readdirSync(place)]).toEqual([1, []]);
  expect(stderr).toContain(`"${place}": is a folder`);
  expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
});

test("an existing file is replaced whole", async () => {
  const out = join(folder, "old.png");
  writeFileSync(out, "x".repeat(100_000));
  await galago(["resize", source, "--to", "8x8", "--out", out, "--raw"]);
  expect(readFileSync(out)).toHaveLength(8 * 8 * 3);
});
