/** Builds dist once before all tests, for those that run the executable or a worker thread: Node 20 loads no .ts. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** What the compiler complained of; empty when dist is built. */
    mistakes: string;
  }
}

/** Runs the compiler. With a mistake dist stays as it was, and `built` of built.ts fails the tests that need it. */
export function setup({ provide }: TestProject): void {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const words = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--noEmitOnError"];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: root, encoding: "utf8" });
  provide("mistakes", status === 0 ? "" : `${stdout}${stderr}` || `the compiler ended with status ${status}`);
}
