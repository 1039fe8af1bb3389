/** Ranges of bytes of large files. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FormatError, RequestError } from "../errors.ts";

/** Opens a file for reading. Throws RequestError (404) when there is none, FormatError when it is a folder. */
export function openToRead(path: string): number {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw missing ? new RequestError(`${path}: no such file`, 404) : new RequestError((cause as Error).message);
  }
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new FormatError(`${path}: is not a file; expected one with weights`);
}

/** One read call moves at most this many bytes: the system's limit is 2 GiB. */
export const maxTransfer: number = 2 ** 30;

/** Bytes offset … offset + length − 1. Throws FormatError, which calls the file `name`, where it ends before. */
export function readRange(file: number, offset: number, length: number, name: string): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const read = readSync(file, bytes, done, Math.min(length - done, maxTransfer), offset + done);
    if (read === 0)
      throw new FormatError(`${name}: ends at byte ${offset + done} while being read; expected ${offset + length}`);
    done += read;
  }
  return bytes;
}
