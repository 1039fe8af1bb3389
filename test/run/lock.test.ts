/** Locks: one works, the others are told who does; what a dead process left is taken over by one alone. */
import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { locked } from "../../src/run/lock.ts";
import { built } from "../support/built.ts";

const root = mkdtempSync(join(tmpdir(), "lock-"));
afterAll(() => rmSync(root, { recursive: true }));
const path = (): string => join(mkdtempSync(join(root, "at-")), "below", "lock");
const gone = spawnSync(process.execPath, ["-e", ""]).pid;

/** A lock as the process of this id leaves it. */
function left(lock: string, pid: number): void {
  mkdirSync(lock, { recursive: true });
  writeFileSync(join(lock, `${pid}-01234567-89ab-cdef-0123-456789abcdef`), "");
}

test("while one works the lock holds its process id, and afterwards nothing is left, whatever came of the work", async () => {
  const lock = path();
  const names = await locked(lock, "x", async () => readdirSync(lock));
  expect(names.map(Number.parseFloat)).toEqual([process.pid]);
  await expect(locked(lock, "x", () => Promise.reject(new Error("broke")))).rejects.toThrow("broke");
  expect(readdirSync(dirname(lock))).toEqual([]);
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
  ["another that lives is respected", (lock: string) => left(lock, process.ppid), /by process \d+ already/],
  ["one that is gone is taken over", (lock: string) => left(lock, gone), undefined],
  ["an earlier one with our own id is taken over", (lock: string) => left(lock, process.pid), undefined],
  ["nobody is taken over", (lock: string) => mkdirSync(lock, { recursive: true }), undefined],
])("the lock of %s", async (_, leave, message) => {
  const lock = path();
  leave(lock);
  const trying = locked(lock, "x", async () => "done");
  if (message) await expect(trying).rejects.toThrow(message);
  else expect(await trying).toBe("done");
  expect(existsSync(lock)).toBe(message !== undefined);
  expect(readdirSync(dirname(lock)).length).toBe(message ? 1 : 0);
});

/** Takes the lock at each message, holds it until the next, and says whether it got it. */
const taker = `
  const { locked } = await import(${JSON.stringify(built("run/lock.js").href)});
  let release = () => undefined;
  process.on("message", (lock) => {
    if (lock === null) return release();
    const work = () => { process.send(true); return new Promise((done) => { release = done; }); };
    locked(lock, "x", work).then(() => process.send(null), () => process.send(false));
  });
  process.send("ready");`;

test("of many processes that find the lock of a dead one, one alone takes it over", async () => {
  const children = Array.from({ length: 6 }, () =>
    fork("-", [], { execPath: process.execPath, execArgv: ["--input-type=module", "-e", taker] }),
  );
  const heard = (child: ChildProcess): Promise<unknown> => once(child, "message").then(([message]) => message);
  await Promise.all(children.map(heard));
  for (let round = 0; round < 40; round++) {
    const lock = path();
    left(lock, gone);
    const answers = children.map(heard);
    for (const child of children) child.send(lock);
    const got = await Promise.all(answers);
    expect([...got].sort()).toEqual([false, false, false, false, false, true]);
    const holder = children[got.indexOf(true)];
    expect(readdirSync(lock).map(Number.parseFloat)).toEqual([holder.pid]);
    const freed = heard(holder);
    holder.send(null as never);
    await freed;
    expect(readdirSync(dirname(lock))).toEqual([]);
  }
  for (const child of children) child.kill();
});
