/** Images by what a command is given: files, PDF pages, folders of both. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { RequestError } from "../errors.ts";
import type { ChatPart } from "../run/chat.ts";
import type { Terminal } from "./command.ts";
import { input, nameOf } from "./input.ts";
import { usageError } from "./values.ts";

/** A4 at 150 dots an inch. */
const pageWidth = 1240;

/** An image, or the pages of a PDF, each under its own name. */
export async function imagesOf(source: string, terminal: Terminal): Promise<ChatPart[]> {
  const [, path = source, ...range] = /^(.+\.pdf)#(\d{1,6})(?:-(\d{1,6}))?$/i.exec(source) ?? [];
  const [first, last = first] = range.flatMap((number) => number ?? []).map(Number);
  if (first > last) throw usageError(`"${source}": pages ${first} to ${last} are in no order; expected FIRST-LAST`);
  const bytes = await input(path, terminal);
  if (first === undefined && !isPdf(bytes)) return [{ type: "image", image: bytes, name: nameOf(path) }];
  const { pdfPages } = await import("../data/pdf.ts");
  const parts: ChatPart[] = [];
  for await (const { number, image } of pdfPages(bytes, { name: nameOf(path), width: pageWidth, first, last }))
    parts.push({ type: "image", image, name: `${path}#${number}` });
  return parts;
}

/** "%PDF-" stands within the first kilobyte. */
function isPdf(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 1024)).includes("%PDF-");
}

/** Whether a source is a folder. */
export const isFolder = (source: string): boolean =>
  statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The images and PDF pages in a folder, one after the other by the names of their files. Throws RequestError (404) where there are none. */
export async function* imagesIn(folder: string, terminal: Terminal): AsyncGenerator<ChatPart> {
  const names = readdirSync(folder).filter((name) => /\.(png|jpe?g|webp|gif|tiff?|avif|pdf)$/i.test(name));
  if (names.length === 0)
    throw new RequestError(
      `"${folder}": holds no image; expected files as .png, .jpg, .webp, .gif, .tif, .avif or .pdf`,
      404,
    );
  for (const name of names.sort()) yield* await imagesOf(join(folder, name), terminal);
}
