/** Files that are whole or not there, also after a process was killed in the middle. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { whole, writeWhole } from "../../src/weights/whole.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-whole-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "a.bin");
const uuid = "01234567-89ab-cdef-0123-456789abcdef";

test("a failure leaves what was there before, and nothing beside it", () => {
  writeWhole(path, "before");
  const failing = (): void =>
    whole(path, (beside) => {
      writeFileSync(beside, "half");
      throw new Error("the disk is gone");
    });
  expect(failing).toThrow("the disk is gone");
  expect(readFileSync(path, "utf8")).toBe("before");
  expect(readdirSync(folder)).toEqual(["a.bin"]);
});

test("what a killed process left is removed; what another is writing, and other names, stay", () => {
  const { pid: gone } = spawnSync(process.execPath, ["-e", ""]);
  const names = [`a.bin.${process.pid}-${uuid}.part`, `b.bin.${gone}-${uuid}.part`, `a.bin.${gone}-more.part`];
  for (const name of [...names, `a.bin.${gone}-${uuid}.part`]) writeFileSync(join(folder, name), "half");
  writeWhole(path, "after");
  expect(readdirSync(folder).sort()).toEqual(["a.bin", ...names].sort());
  expect(readFileSync(path, "utf8")).toBe("after");
});
