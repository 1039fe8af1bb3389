/** A terminal made of memory, to run commands in process; and the executable as a process that Ctrl-C ends. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Command } from "../../src/cli/command.ts";
import { commands, main } from "../../src/cli/program.ts";
import { built } from "../support/built.ts";

/** What a run left behind: its exit status and all it wrote. */
export interface Outcome {
  readonly status: number;
  readonly stdout: Buffer;
  readonly text: string;
  readonly stderr: string;
}

/** What a run is given beside its words: the bytes of standard input, the commands there are, the signal of Ctrl-C; `program`
 *  is another build's `main`, with its own commands. */
export interface Given {
  readonly stdin?: Uint8Array;
  readonly list?: readonly Command[];
  readonly signal?: AbortSignal;
  readonly program?: typeof main;
}

/** Runs `galago` with these words in this process. */
export async function galago(words: readonly string[], given: Given = {}): Promise<Outcome> {
  const { stdin = Buffer.alloc(0), list = commands, program, signal = new AbortController().signal } = given;
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  const terminal = {
    stdin: Readable.from([stdin]),
    stdout: into(stdout),
    stderr: into(stderr),
    interrupted: () => signal,
  };
  const status = await (program ? program(words, terminal) : main(words, terminal, list));
  const bytes = Buffer.concat(stdout);
  return { status, stdout: bytes, text: bytes.toString(), stderr: Buffer.concat(stderr).toString() };
}

/** Runs the built executable and sends it Ctrl-C as soon as `when` says so; returns its exit status, or the signal that ended it. */
export async function interrupted(words: readonly string[], when: () => boolean): Promise<number | string> {
  const child = fork(fileURLToPath(built("cli/main.js")), words, { silent: true });
  const exit = once(child, "exit");
  while (!when() && child.exitCode === null) await setTimeout(5);
  child.kill("SIGINT");
  const [status, signal] = await exit;
  return status ?? signal;
}

function into(pieces: Buffer[]): Writable {
  return new Writable({
    write(piece, _, done) {
      pieces.push(Buffer.from(piece));
      done();
    },
  });
}
