/** The source tree as the tests of the project itself see it. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));

export interface SourceFile {
  /** Path below src/, such as "graph/ops.ts". */
  path: string;
  text: string;
  /** What it imports: files below src/ by path, packages by name; `value` is false for imports of types alone. */
  imports: { target: string; value: boolean }[];
}

/** All files below src/. */
export function sources(): SourceFile[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => {
      const text = readFileSync(join(root, "src", path), "utf8");
      return { path: path.replaceAll("\\", "/"), text, imports: importsOf(path, text) };
    });
}

function importsOf(path: string, text: string): SourceFile["imports"] {
  const found: SourceFile["imports"] = [];
  // Static imports and re-exports, then import() and the files of worker threads.
  const statics = /^(?:import|export)\s+(type\s)?([^;"']*?\sfrom\s)?["']([^"']+)["'];/gm;
  for (const [, type, names = "", target] of text.matchAll(statics)) {
    const inline = names
      .match(/\{([^}]*)\}/)?.[1]
      .split(",")
      .filter((name) => name.trim());
    const onlyTypes =
      inline !== undefined && !/^\s*\w+\s*,/.test(names) && inline.every((name) => /^\s*type\s/.test(name));
    found.push({ target, value: !type && !onlyTypes });
  }
  for (const [, target] of text.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)) found.push({ target, value: true });
  return found.map(({ target, value }) => ({
    target: target.startsWith(".") ? relative(join(root, "src"), join(root, "src", dirname(path), target)) : target,
    value,
  }));
}
