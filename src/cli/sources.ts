/** Images by what a command is given: files, PDF pages, folders of both. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { RequestError } from "../errors.ts";
import type { ImagePart } from "../run/chat.ts";
import { pageRanges } from "../vision/ranges.ts";
import type { Terminal } from "./command.ts";
import { input, nameOf } from "./input.ts";
import { usageError } from "./values.ts";

/** An image, or the pages of a PDF, as `file.pdf#1,3-5`; `password` is for those that are encrypted. Throws a usage error for what stands behind `.pdf#` and names no pages. */
export async function imageOf(source: string, terminal: Terminal, password?: string): Promise<ImagePart> {
  const [, path = source, pages] = /^(.+\.pdf)#([^/.]*)$/i.exec(source) ?? [];
  try {
    if (pages !== undefined) pageRanges(pages, path);
  } catch (error) {
    throw usageError((error as Error).message);
  }
  return { type: "image", image: await input(path, terminal), name: nameOf(path), pages, password };
}

/** Whether a source is a folder. */
export const isFolder = (source: string): boolean =>
  statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The images and PDF pages in a folder, one after the other by the names of their files; of a PDF, its pages. Throws RequestError (404) where there are none. */
export async function* imagesIn(folder: string, terminal: Terminal, password?: string): AsyncGenerator<ImagePart> {
  if (!isFolder(folder)) return yield* pagesOf(await imageOf(folder, terminal, password));
  const names = readdirSync(folder).filter((name) => /\.(png|jpe?g|webp|gif|tiff?|avif|pdf)$/i.test(name));
  if (names.length === 0)
    throw new RequestError(
      `"${folder}": holds no image; expected files as .png, .jpg, .webp, .gif, .tif, .avif or .pdf`,
      404,
    );
  for (const name of names.sort()) yield* pagesOf(await imageOf(join(folder, name), terminal, password));
}

/** The image, or each page of the PDF; one that cannot be opened stays whole: who asks about it hears why. */
async function* pagesOf(part: ImagePart): AsyncGenerator<ImagePart> {
  const { isPdf, openPdf } = await import("../vision/pdf.ts");
  const { image, name, pages, password } = part;
  if (!(image instanceof Uint8Array && isPdf(image))) return yield part;
  const pdf = await openPdf(image, { name, password }).catch(() => undefined);
  if (!pdf) return yield part;
  pdf.close();
  for (const number of pdf.numbers(pages === undefined ? undefined : pageRanges(pages, name!)))
    yield { ...part, pages: String(number) };
}
