/** Whose turn it is at an engine that computes one thing at a time: reading and writing alternate, so that a long page and short answers share it. */
import { setImmediate } from "node:timers/promises";
import type { Engine } from "../graph/engine.ts";

type Turn = <T>(run: () => Promise<T>) => Promise<T>;

/** Each of the two is a line of its own. A run waits for those before it in its line, and as many of the other. */
export interface Turns {
  /** Of a batch of tiles, or a piece of a prompt. */
  readonly read: Turn;
  /** Of the next token of every answer. */
  readonly write: Turn;
}

/** An engine's turns. */
export function takingTurns(): Turns {
  const lines: Record<"read" | "write", (() => Promise<void>)[]> = { read: [], write: [] };
  let last: keyof typeof lines = "read";
  let busy = false;

  async function serve(): Promise<void> {
    if (busy) return;
    busy = true;
    for (;;) {
      // Whoever had the last turn asks for the next one before it is given away.
      await setImmediate();
      const other = last === "read" ? "write" : "read";
      if (lines[other].length) last = other;
      const run = lines[last].shift();
      if (!run) break;
      await run();
    }
    busy = false;
  }

  const line =
    (name: keyof typeof lines): Turn =>
    (run) =>
      new Promise((resolve, reject) => {
        lines[name].push(() => run().then(resolve, reject));
        serve();
      });
  return { read: line("read"), write: line("write") };
}

/** The engine, whose runs are turns of reading. */
export const reading = (engine: Engine, { read }: Turns): Engine => ({
  async open(outputs) {
    const session = await engine.open(outputs);
    return { run: (feeds, into) => read(() => session.run(feeds, into)), close: () => session.close() };
  },
});
