/** Files that appear under their name only when they are whole. */
import { randomUUID } from "node:crypto";
import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { alive } from "./alive.ts";

/** Lets `write` fill a new file beside `path`, then renames it; on failure nothing is left and what went wrong is thrown. What a process that was killed
 *  left beside is removed. */
export function whole(path: string, write: (beside: string) => void): void {
  const beside = emptyBeside(path);
  try {
    write(beside);
    renameSync(beside, path);
  } catch (error) {
    discard(beside);
    throw error;
  }
}

/** The same for a file that takes long to fill. */
export async function wholeLater(path: string, write: (beside: string) => Promise<void>): Promise<void> {
  const beside = emptyBeside(path);
  try {
    await write(beside);
    renameSync(beside, path);
  } catch (error) {
    discard(beside);
    throw error;
  }
}

/** A name beside `path` that nobody has. */
function emptyBeside(path: string): string {
  for (const left of leftovers(dirname(path), `${basename(path)}.`)) discard(left);
  return `${path}.${process.pid}-${randomUUID()}.part`;
}

/** `whole` for content that is at hand. */
export const writeWhole = (path: string, content: string | Uint8Array): void =>
  whole(path, (beside) => writeFileSync(beside, content, { flag: "wx" }));

/** Unfinished files in a folder whose process is gone, of all files or of those whose names start so. */
export function leftovers(folder: string, start = ""): string[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      const pid = name.startsWith(start) ? /\.(\d+)-[0-9a-f-]{36}\.part$/.exec(name)?.[1] : undefined;
      return pid && !alive(Number(pid)) ? [join(folder, name)] : [];
    });
  } catch {
    // A folder that cannot be listed: writing into it will tell why.
    return [];
  }
}

/** Where nothing could be written, nothing can be removed either: only the first failure is worth telling. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}
