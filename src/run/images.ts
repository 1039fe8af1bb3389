/** From what a caller calls an image, or the pages of a PDF, to pixels. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { FormatError, RequestError } from "../errors.ts";
import { decoder, measure } from "../vision/decode.ts";
import type { Image, Size } from "../vision/image.ts";
import { isPdf } from "../vision/pdf.ts";
import type { PageRange } from "../vision/ranges.ts";
import { openPages, type PdfLimits } from "./pages.ts";

/** Pixels without a file: RGB or RGBA (laid on white), row-major, 3 or 4 bytes a pixel. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** An image in a form that crosses threads, and what messages and records call it. A string is a path or an http, https
 *  or file URL; bytes are an image file or a PDF, of which `pages` are meant (default: all). */
export interface NamedImage {
  readonly name: string;
  readonly image: string | Uint8Array | Pixels;
  readonly pages?: readonly PageRange[] | undefined;
  readonly password?: string | undefined;
}

/** Most bytes that are fetched from an address. */
const maxBytes = 100 * 2 ** 20;

/** An image that was read and measured, or a page that was measured. `content`: the bytes that, with its size, say what it shows. */
export interface OpenImage extends Size {
  readonly name: string;
  readonly content: Uint8Array;
  /** Its pixels; a page is drawn in as many as `pixels` says. Throws FormatError where the bytes are damaged. */
  decode(pixels: Size): Promise<Image>;
}

/** Reads an image, or the pages of a PDF. Throws RequestError when there is nothing to read, FormatError when it is neither. */
export async function openImages(named: NamedImage, limits: PdfLimits, signal?: AbortSignal): Promise<OpenImage[]> {
  const { name, image, pages } = named;
  if (typeof image !== "string" && !(image instanceof Uint8Array)) {
    const pixels = plain(image, name);
    return [{ ...pixels, name, content: pixels.data, decode: async () => pixels }];
  }
  const content = typeof image === "string" ? await bytesAt(image, signal) : image;
  if (pages || isPdf(content)) return openPages(content, named, limits);
  return [{ ...(await measure(content, { name })), name, content, decode: () => decoder.decode(content, { name }) }];
}

const bytesAt = (place: string, signal?: AbortSignal): Promise<Uint8Array> =>
  /^https?:\/\//i.test(place) ? fetched(place, signal) : read(place);

const causes: Record<string, string> = {
  ENOENT: "no such file",
  EISDIR: "is a folder, expected an image file",
  EACCES: "permission denied",
};

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(/^file:\/\//i.test(path) ? fileURLToPath(path) : path);
  } catch (cause) {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    throw new RequestError(`"${path}": ${causes[code] ?? message}`, code === "ENOENT" ? 404 : 400);
  }
}

async function fetched(url: string, signal?: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new RequestError(`answered with status ${response.status}`);
    for await (const piece of response.body ?? []) {
      length += piece.length;
      if (length > maxBytes) throw new RequestError(`is larger than ${maxBytes} bytes, the limit; fetch it yourself`);
      pieces.push(piece);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    const { cause: reason, message } = cause as Error;
    throw new RequestError(`"${url}": ${reason instanceof Error ? reason.message : message}`);
  }
  return Buffer.concat(pieces);
}

function plain({ data, width, height }: Pixels, name: string): Image {
  const pixels = width * height;
  const channels = data.length / pixels;
  if (
    !Number.isInteger(width) ||
    !Number.isInteger(height) ||
    !(width > 0 && height > 0) ||
    (channels !== 3 && channels !== 4)
  )
    throw new FormatError(
      `"${name}": ${data.length} bytes for ${width} x ${height} pixels; expected 3 (RGB) or 4 (RGBA) for each`,
    );
  return { data: channels === 3 ? Uint8Array.from(data) : onWhite(data, pixels), width, height };
}

function onWhite(rgba: Uint8Array | Uint8ClampedArray, pixels: number): Uint8Array {
  const rgb = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const alpha = rgba[4 * i + 3] / 255;
    for (let channel = 0; channel < 3; channel++)
      rgb[3 * i + channel] = Math.round(rgba[4 * i + channel] * alpha + 255 * (1 - alpha));
  }
  return rgb;
}
