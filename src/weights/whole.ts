/** Files that appear under their name only when they are whole. */
import { renameSync, rmSync, writeFileSync } from "node:fs";

/** Lets `write` fill a file beside `path`, then renames it; on failure nothing is left. */
export function whole(path: string, write: (beside: string) => void): void {
  const beside = `${path}.${process.pid}.part`;
  try {
    write(beside);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** The same for content that is at hand. */
export const writeWhole = (path: string, content: string | Uint8Array): void =>
  whole(path, (beside) => writeFileSync(beside, content));
