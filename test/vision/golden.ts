/** The reference images of test/golden/resize, decoded. */
import { readFileSync } from "node:fs";
import { decoder } from "../../src/vision/decode.ts";
import type { Image } from "../../src/vision/image.ts";

/** Address of a file of test/golden. */
export function golden(path: string): URL {
  return new URL(`../golden/${path}`, import.meta.url);
}

/** Parsed JSON of a file of test/golden. */
export function goldenJson(path: string): any {
  return JSON.parse(readFileSync(golden(path), "utf8"));
}

/** A source image of golden/resize. */
export function source(name: string): Promise<Image> {
  return decoder.decode(readFileSync(golden(`resize/${name}`)), { name });
}
