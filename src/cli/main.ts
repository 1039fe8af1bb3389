#!/usr/bin/env node
/** The executable: the process's own streams and signals around `main` of program.ts. */
import { main } from "./program.ts";

const interrupt = new AbortController();
let watched = false;
let ended = 130;

/** Ctrl-C, and what a supervisor sends; the status is the shell's own for them. */
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.on(signal, () => {
    if (!watched || interrupt.signal.aborted) process.exit(status);
    ended = status;
    interrupt.abort();
  });

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

const status = await main(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted() {
    watched = true;
    return interrupt.signal;
  },
});
process.exitCode = status === 130 ? ended : status;
