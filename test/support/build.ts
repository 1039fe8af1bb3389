/** Builds dist once before all tests, for those that run the executable or a worker thread: Node 20 loads no .ts. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
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
  const source = said("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--noEmitOnError");
  provide("mistakes", source || (stale() ? said("node_modules/vite/bin/vite.js", "build", "page") : ""));
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a compiler complained of. */
function said(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: root, encoding: "utf8" });
  return status === 0 ? "" : `${stdout}${stderr}` || `${words[0]} ended with status ${status}`;
}

/** Whether a file of the page is younger than its build. */
function stale(): boolean {
  const built = join(root, "dist/page/index.html");
  const age = (path: string): number => statSync(path).mtimeMs;
  return (
    !existsSync(built) || readdirSync(join(root, "page")).some((name) => age(join(root, "page", name)) > age(built))
  );
}
