/** What package.json says of this package. */
import { readFileSync } from "node:fs";

/** Its version, and the licence of the package and the models in it. */
export function manifest(): { version: string; license: string } {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
}
