/** Readers of option values that several commands share. */
import { CommanderError } from "commander";
import { parseCompression } from "../run/methods.ts";
import type { Size } from "../vision/image.ts";
import { parseTiling } from "../vision/tilings.ts";

/** The error of wrong usage: exit status 2 and `message` on stderr. */
export function usageError(message: string): CommanderError {
  return new CommanderError(2, "galago.usage", message);
}

/** Width and height of `640x480`, or undefined where the words have another form. */
export function sizeOf(words: string): Size | undefined {
  const [, width, height] = (/^(\d{1,9})x(\d{1,9})$/i.exec(words) ?? []).map(Number);
  return width === undefined ? undefined : { width, height };
}

/** `sizeOf` for a value that must be a size of at least 1 x 1 and at most `maxPixels` pixels. */
export function size(words: string, maxPixels: number = Number.MAX_SAFE_INTEGER): Size {
  const found = sizeOf(words);
  if (!found) throw usageError(`"${words}" is no size, expected WIDTHxHEIGHT as in 640x480`);
  const pixels = found.width * found.height;
  if (pixels < 1) throw usageError(`"${words}" has no pixels, expected at least 1x1`);
  if (pixels <= maxPixels) return found;
  const [has, limit] = [pixels, maxPixels].map((n) => n.toLocaleString("en-US"));
  throw usageError(`"${words}" is ${has} pixels, the limit is ${limit}`);
}

/** A tile spec, checked and given back as text. Throws RequestError. */
export function tiles(words: string): string {
  parseTiling(words);
  return words;
}

/** The part of the detailed layer's tokens that SCM keeps, above 0 and at most 1, or off. */
export function scm(words: string): number | "off" {
  if (words === "off") return words;
  const ratio = words.trim() === "" ? Number.NaN : Number(words);
  if (ratio > 0 && ratio <= 1) return ratio;
  throw usageError(`"${words}" is no ratio, expected a number above 0 and up to 1, or off`);
}

/** A method of compression and its ratio, checked and given back as text. Throws RequestError. */
export function compression(words: string): string {
  parseCompression(words);
  return words;
}

/** A reader of whole numbers of at least `least`. */
export function whole(least: number): (words: string) => number {
  return (words) => {
    const value = /^\d{1,15}$/.test(words) ? Number(words) : Number.NaN;
    if (value >= least) return value;
    throw usageError(`"${words}" is no whole number of at least ${least}`);
  };
}

/** A reader of numbers from `least` to `most`. */
export function between(least: number, most: number): (words: string) => number {
  return (words) => {
    const value = words.trim() === "" ? Number.NaN : Number(words);
    if (value >= least && value <= most) return value;
    throw usageError(`"${words}" is no number from ${least} to ${most}`);
  };
}

/** Precisions in which models are opened. */
const precisions = ["f32", "int8", "int4"];

/** One of them. */
export function precision(words: string): string {
  if (precisions.includes(words)) return words;
  throw usageError(`"${words}" is no precision, expected ${precisions.join(", ")}`);
}
