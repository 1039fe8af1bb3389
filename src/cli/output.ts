/** Writing: results, JSON, notices, and files that appear under their name only when they are whole. */
import { stat, writeFile } from "node:fs/promises";
import type { Writable } from "node:stream";
import { writeWhole } from "../weights/whole.ts";
import type { Terminal } from "./command.ts";

/** Writes and waits until the stream has taken it, so that a closed pipe is met here. */
export function write(stream: Writable, piece: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

/** The one JSON document of a `--json` run. */
export function json(terminal: Terminal, value: unknown): Promise<void> {
  return write(terminal.stdout, `${JSON.stringify(value)}\n`);
}

/** One line for the person at the terminal. */
export function notice(terminal: Terminal, line: string): Promise<void> {
  return write(terminal.stderr, `${line}\n`);
}

/** Writes a whole file beside `path`, then renames it; a device or pipe that is there already is written to as it is. */
export async function save(path: string, content: string | Uint8Array): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there && !there.isFile() && !there.isDirectory()) return writeFile(path, content);
  try {
    writeWhole(path, content);
  } catch (error) {
    throw Object.assign(error as Error, { path });
  }
}

/** The most memory that this process was resident with so far. */
export const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;

/** Lines of cells as text in columns, the first line being their titles. */
export function columns(lines: readonly (readonly string[])[]): string {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const row = (line: readonly string[]): string => line.map((cell, i) => cell.padEnd(widths[i])).join("  ");
  return lines.map((line) => `${row(line).trimEnd()}\n`).join("");
}
