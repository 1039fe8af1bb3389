/** What an error means to the person at the terminal: an exit status and one line. */
import { CommanderError } from "commander";
import * as errors from "../errors.ts";

/** `line` is undefined where nothing is to be said: help was shown, the reader of a pipe left, Ctrl-C. */
export interface Failure {
  readonly status: number;
  readonly line?: string;
}

/** What the system's error codes mean for the file that the error names. */
const causes: Record<string, string> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the disk can only be read",
  EISDIR: "is a folder, expected a file",
  ENOTDIR: "a part of this path is a file, expected a folder",
  ENOSPC: "no space left on the disk; free some, nothing was left under this name",
  EDQUOT: "the disk quota is used up; free some, nothing was left under this name",
  EFBIG: "larger than this disk allows a file to be",
  ERR_FS_FILE_TOO_LARGE: "larger than 2 GB, too large to read at once",
  EMFILE: "too many files are open",
  ENAMETOOLONG: "the name is too long",
};

/** Status 0 for help and closed pipes, 1 for input and environment, 2 for wrong usage, 130 for an interruption. */
export function failure(error: unknown, interrupted: boolean): Failure {
  if (error instanceof CommanderError) return usage(error);
  if (interrupted) return { status: 130 };
  if (!(error instanceof Error)) return { status: 1, line: oneLine(String(error)) };
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === "EPIPE") return { status: 0 };
  if (Object.values(errors).some((kind) => error instanceof kind)) return { status: 1, line: oneLine(error.message) };
  const cause = code && causes[code];
  if (cause) return { status: 1, line: path ? `"${path}": ${cause}` : cause };
  return { status: 1, line: `${oneLine(error.message)}; this was not foreseen, run it again with --debug` };
}

function usage({ code, exitCode, message }: CommanderError): Failure {
  if (exitCode === 0) return { status: 0 };
  if (code === "commander.help") return { status: 2 };
  return { status: 2, line: oneLine(message.replace(/^error: /, "")) };
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}
