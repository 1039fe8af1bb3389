/** What a command is: data that `program.ts` turns into options, help and a call. */
import type { Readable, Writable } from "node:stream";
import { precision, whole } from "./values.ts";

/** Where a command reads and writes. Results go to `stdout`, progress and notices to `stderr`. */
export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /**
   * A signal that the first Ctrl-C aborts, for a command that has something to save; the second ends the process.
   * Until a command asks for it, Ctrl-C ends the process at once.
   */
  interrupted(): AbortSignal;
}

/** A positional argument in commander's notation: `<image>`, `[file]`, `<words...>` (only the last). */
interface Argument {
  readonly name: string;
  readonly about: string;
}

/** An option in commander's notation, `--to <WxH>`. `parse` throws RequestError, or an error of values.ts, on a bad value;
 * it must not return null. Of an option that may come again it is also given what it returned before. */
export interface Option {
  readonly flags: string;
  readonly about: string;
  readonly parse?: (text: string, before: any) => unknown;
  readonly default?: unknown;
  readonly required?: boolean;
}

/** Where jobs wait, the same in every command that has to do with them. */
export const redisOption: Option = {
  flags: "--redis <url>",
  about: "where pages wait, as redis://HOST:6379 (default: GALAGO_REDIS, or redis://127.0.0.1:6379)",
};

/** The address that is meant. */
export const redisAt = (given?: string): string => given ?? process.env.GALAGO_REDIS ?? "redis://127.0.0.1:6379";

/** One command, or a name for several. `run` gets the positional words and the options by their camel-case names; it may return an exit status. */
export interface Command<Options = any> {
  readonly name: string;
  readonly about: string;
  /** The words after the name in the usage line, where those made from `args` would mislead. */
  readonly usage?: string;
  readonly args: readonly Argument[];
  readonly options: readonly Option[];
  readonly commands?: readonly Command[];
  // biome-ignore lint/suspicious/noConfusingVoidType: a command that cannot fail by status returns nothing
  run(args: readonly string[], options: Options, terminal: Terminal): Promise<number | void>;
}

/** `--json`, the same in every command. */
export const jsonOption: Option = { flags: "--json", about: "print one JSON document" };

/** `--model`, the same in every command. */
export const modelOption: Option = {
  flags: "--model <model>",
  about: "a model's name, or a folder with config.json and weights",
  default: "nano",
};

/** How weights are held, and how many threads compute, the same in every command that answers. */
export const precisionOption: Option = {
  flags: "--precision <p>",
  about: "f32: weights as they are stored; int8: rounded when opened; int4: of a folder converted to it",
  parse: precision,
  default: "f32",
};
export const threadsOption: Option = {
  flags: "--threads <n>",
  about: "threads to compute with (default: all cores)",
  parse: whole(1),
};
