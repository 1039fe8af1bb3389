/** The built executable as a process of its own: its exit status, its pipes, Ctrl-C. */
import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { built } from "../support/built.ts";
import { golden } from "../vision/golden.ts";

const executable = fileURLToPath(built("cli/main.js"));
const image = fileURLToPath(golden("resize/noise_33x47.png"));

/** Starts the executable, with a channel on which it says "ready" once it listens for Ctrl-C. */
function start(words: readonly string[]): ChildProcess {
  const ready = 'process.on("newListener", (name) => name === "SIGINT" && setImmediate(() => process.send("ready")))';
  const execArgv = ["--import", `data:text/javascript,${encodeURIComponent(ready)}`];
  return fork(executable, words, { execArgv, silent: true });
}

test("wrong usage is status 2 with one line, and the result stream stays empty", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [executable, "plan", "--colour"], {
    encoding: "utf8",
  });
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toBe("galago: unknown option '--colour'; see galago plan --help\n");
});

test("a reader that leaves early ends the run quietly", async () => {
  const child = start(["resize", image, "--to", "1500x1500", "--raw"]);
  const complaints: Buffer[] = [];
  child.stderr?.on("data", (piece) => complaints.push(piece));
  child.stdout?.once("data", () => child.stdout?.destroy());
  const [status, signal] = await once(child, "close");
  expect([status, signal, Buffer.concat(complaints).toString()]).toEqual([0, null, ""]);
});

test("Ctrl-C ends a waiting command with status 130", async () => {
  const child = start(["resize", "-", "--to", "8x8", "--raw"]);
  await once(child, "message");
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([130, null]);
});
