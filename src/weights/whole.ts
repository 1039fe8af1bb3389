/** Files that appear under their name only when they are whole. */
import { randomUUID } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";

/** Lets `write` fill a new file beside `path`, then renames it; on failure nothing is left and what went wrong is thrown. */
export function whole(path: string, write: (beside: string) => void): void {
  const beside = `${path}.${randomUUID()}.part`;
  try {
    write(beside);
    renameSync(beside, path);
  } catch (error) {
    discard(beside);
    throw error;
  }
}

/** The same for content that is at hand. */
export const writeWhole = (path: string, content: string | Uint8Array): void =>
  whole(path, (beside) => writeFileSync(beside, content, { flag: "wx" }));

/** Where nothing could be written, nothing can be removed either: only the first failure is worth telling. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}
