/** Files of the build, for tests that cannot run from the sources. */
import { inject } from "vitest";

/** Address of a file of dist. Throws what the compiler said where dist is not that of the sources. */
export function built(path: string): URL {
  const mistakes = inject("mistakes");
  if (mistakes) throw new Error(`dist could not be built:\n${mistakes}`);
  return new URL(`../../dist/${path}`, import.meta.url);
}
