/** Reading what a command is given: a file, or standard input for `-`. */
import { readFile } from "node:fs/promises";
import type { Terminal } from "./command.ts";

/** The bytes of the file `source`, or of standard input where it is `-`. System errors carry the path. */
export async function input(source: string, terminal: Terminal): Promise<Uint8Array> {
  if (source !== "-")
    return readFile(source).catch((error: Error) => Promise.reject(Object.assign(error, { path: source })));
  const pieces: Uint8Array[] = [];
  for await (const piece of terminal.stdin) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** What messages call `source`. */
export function nameOf(source: string): string {
  return source === "-" ? "standard input" : source;
}
