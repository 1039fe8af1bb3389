/** One process at a time: a file with the id of the one that works, taken over when that is gone. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { RequestError } from "../errors.ts";
import { alive } from "../weights/alive.ts";

/** The locks that this process holds: any other file with its id was left by an earlier process that had the same. */
const held = new Set<string>();

/** Does the work while `path` is locked. Throws RequestError (409) where another process, or another call, has it; `what` says what that does. */
export async function locked<T>(path: string, what: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  take(path, what);
  held.add(path);
  try {
    return await work();
  } finally {
    held.delete(path);
    rmSync(path, { force: true });
  }
}

function take(path: string, what: string): void {
  // The second round comes after the lock of a process that is gone was removed.
  for (let round = 0; round < 2; round++) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const pid = holder(path);
    if (held.has(path) || (pid !== process.pid && alive(pid)))
      throw new RequestError(`${what} by process ${pid} already; wait for it, or end it`, 409);
    rmSync(path, { force: true });
  }
  throw new RequestError(`${what} by another process already; wait for it`, 409);
}

/** The id in a lock; NaN where there is none any more. */
function holder(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10);
  } catch {
    return Number.NaN;
  }
}
