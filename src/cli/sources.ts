/** Images by what a command is given: files, PDF pages, folders of both. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { RequestError } from "../errors.ts";
import type { ImagePart } from "../run/chat.ts";
import type { Terminal } from "./command.ts";
import { input, nameOf } from "./input.ts";
import { usageError } from "./values.ts";

/** An image, or the pages of a PDF; `password` is for those that are encrypted. */
export async function imageOf(source: string, terminal: Terminal, password?: string): Promise<ImagePart> {
  const [, path = source, pages] = /^(.+\.pdf)#(\d{1,6}(?:-\d{1,6})?)$/i.exec(source) ?? [];
  const [first, last = first] = (pages ?? "").split("-").map(Number);
  if (first > last) throw usageError(`"${source}": pages ${first} to ${last} are in no order; expected FIRST-LAST`);
  return { type: "image", image: await input(path, terminal), name: nameOf(path), pages, password };
}

/** Whether a source is a folder. */
export const isFolder = (source: string): boolean =>
  statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The images and PDF pages in a folder, one after the other by the names of their files. Throws RequestError (404) where there are none. */
export async function* imagesIn(folder: string, terminal: Terminal, password?: string): AsyncGenerator<ImagePart> {
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
  const { image, name, password } = part;
  if (!(image instanceof Uint8Array && isPdf(image))) return yield part;
  const pdf = await openPdf(image, { name, password }).catch(() => undefined);
  if (!pdf) return yield part;
  pdf.close();
  for (let number = 1; number <= pdf.pages; number++) yield { ...part, pages: String(number) };
}
