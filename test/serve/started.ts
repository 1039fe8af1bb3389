/** `galago serve` as a process of its own, at a free port. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { built } from "../support/built.ts";

export interface Started {
  readonly address: string;
  readonly child: ChildProcess;
  /** Sends a signal; the exit status. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/** Starts it with these options and waits until its first model is open. */
export async function started(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Started> {
  const child = fork(fileURLToPath(built("cli/main.js")), ["serve", "--port", "0", ...words], {
    silent: true,
    env: { ...process.env, ...env },
  });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr! })) {
    said.push(line);
    const address = /answers at (\S+)$/.exec(line)?.[1];
    if (!address) continue;
    return {
      address,
      child,
      async stop(signal = "SIGINT") {
        const exit = once(child, "exit");
        child.kill(signal);
        const [status, killed] = await exit;
        return status ?? killed;
      },
    };
  }
  throw new Error(`galago serve ended: ${said.join("\n")}`);
}
