/** Locks: one works, the others are told who does; what a dead process left is taken over. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { locked } from "../../src/run/lock.ts";

const root = mkdtempSync(join(tmpdir(), "lock-"));
afterAll(() => rmSync(root, { recursive: true }));
const path = (): string => join(mkdtempSync(join(root, "at-")), "below", "lock");

test("while one works the lock holds its process id, and afterwards it is gone, whatever came of the work", async () => {
  const lock = path();
  expect(await locked(lock, "x", async () => Number(readFileSync(lock, "utf8")))).toBe(process.pid);
  await expect(locked(lock, "x", () => Promise.reject(new Error("broke")))).rejects.toThrow("broke");
  expect(existsSync(lock)).toBe(false);
});

test("a second call in this process is refused", async () => {
  const lock = path();
  const second = await locked(lock, "x is being pulled", () =>
    locked(lock, "x is being pulled", async () => undefined).catch((error) => error),
  );
  expect(second).toBeInstanceOf(RequestError);
  expect(second).toMatchObject({
    status: 409,
    message: `x is being pulled by process ${process.pid} already; wait for it, or end it`,
  });
});

test.each([
  ["another that lives is respected", process.ppid, /by process \d+ already/],
  ["one that is gone is taken over", spawnSync(process.execPath, ["-e", ""]).pid, undefined],
  ["an earlier one with our own id is taken over", process.pid, undefined],
  ["nobody, as after a crash, is taken over", "", undefined],
])("the lock of %s", async (_, pid, message) => {
  const lock = path();
  await locked(lock, "x", async () => undefined);
  writeFileSync(lock, `${pid}\n`);
  const trying = locked(lock, "x", async () => "done");
  if (message) await expect(trying).rejects.toThrow(message);
  else expect(await trying).toBe("done");
  expect(existsSync(lock)).toBe(message !== undefined);
});
