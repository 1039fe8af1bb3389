#!/usr/bin/env node
/** The executable: the process's own streams and Ctrl-C around `main` of program.ts. */
import { main } from "./program.ts";

const interrupt = new AbortController();
let watched = false;

process.on("SIGINT", () => {
  if (!watched || interrupt.signal.aborted) process.exit(130);
  interrupt.abort();
});

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await main(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted() {
    watched = true;
    return interrupt.signal;
  },
});
