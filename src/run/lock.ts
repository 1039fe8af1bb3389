/** One process at a time: a folder with the id of the one that works as the name of its only file, taken over when that is gone. */
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { RequestError } from "../errors.ts";
import { alive } from "../weights/alive.ts";

/** The names under which this process holds locks: any other with its id was left by an earlier process that had the same. */
const held = new Set<string>();

/** Does the work while `path` is locked. Throws RequestError (409) where another process, or another call, has it; `what` says what that does. */
export async function locked<T>(path: string, what: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const name = `${process.pid}-${randomUUID()}`;
  const beside = `${path}.${name}`;
  mkdirSync(beside);
  writeFileSync(join(beside, name), "");
  held.add(name);
  try {
    take(path, name, beside, what);
    remove(beside);
    try {
      return await work();
    } finally {
      // Away in one step: a folder that is emptied first could be another's before it is removed.
      attempt(() => renameSync(path, beside));
    }
  } finally {
    held.delete(name);
    remove(beside);
  }
}

const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/** Tries while the lock changes hands. Both ways to it are steps of which one succeeds: a folder takes the place of none, or of an empty one; and the file of
 *  one that is gone, whose name nobody else has or will have, gets a new name. */
function take(path: string, name: string, beside: string, what: string): void {
  for (let round = 0; round < rounds; round++) {
    if (attempt(() => renameSync(beside, path))) return;
    const [holder] = holders(path);
    if (holder === undefined) continue;
    const pid = Number.parseInt(holder, 10);
    if (held.has(holder) || (pid !== process.pid && alive(pid)))
      throw new RequestError(`${what} by process ${pid} already; wait for it, or end it`, 409);
    if (attempt(() => renameSync(join(path, holder), join(path, name)))) return;
  }
  throw new RequestError(`${path} cannot be taken; remove it if nobody works on it`, 409);
}

/** More than there are processes that take a lock at the same time. */
const rounds = 1000;

/** Whether a step could be done: not where another was faster. */
function attempt(step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    // The last two are Windows's words for a folder that is there.
    if (["ENOENT", "ENOTEMPTY", "EEXIST", "EPERM", "EACCES"].includes(code)) return false;
    throw error;
  }
}

/** The name in a lock; none where there is no lock any more. */
function holders(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
