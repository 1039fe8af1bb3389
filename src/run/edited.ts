/** Small files of a download that were refused and then corrected by hand: what a pull finds in them it goes on with. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { FormatError } from "../errors.ts";
import { writeWhole } from "../weights/whole.ts";
import { sha256 } from "./sha256.ts";

/** Lies beside a file that was refused as it came, and holds its SHA-256: a file that is another since was changed by hand. */
const noteOf = (path: string): string => `${path}.refused`;

export const sha256Of = (path: string): string => sha256(readFileSync(path));

/** Whether the file was refused, and is there and another since. */
export const edited = (path: string): boolean =>
  existsSync(path) && existsSync(noteOf(path)) && readFileSync(noteOf(path), "utf8") !== sha256Of(path);

/** Forgets that the file was refused. */
export const acceptable = (path: string): void => rmSync(noteOf(path), { force: true });

/** Does the work. Where it throws that one of the files holds what it should not, notes that, and says that the file may be corrected. */
export async function correctable<T>(paths: readonly string[], work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const path = error instanceof FormatError && paths.find((path) => error.message.startsWith(`${path}: `));
    if (!path) throw error;
    if (!edited(path)) writeWhole(noteOf(path), sha256Of(path));
    const { message } = error as FormatError;
    throw new FormatError(`${message}; once you have corrected that file, the same command goes on with it`, {
      cause: error,
    });
  }
}
