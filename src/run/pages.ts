/** Pages of PDFs as images that a model is asked about: measured at once, drawn when wanted and as large as its tiles show them. */
import { Worker } from "node:worker_threads";
import { EngineError, FormatError, RequestError } from "../errors.ts";
import type { Image, Size } from "../vision/image.ts";
import type { PageRange } from "../vision/ranges.ts";
import type { NamedImage, OpenImage } from "./images.ts";
import { sha256 } from "./sha256.ts";
import { received, type SentError } from "./wire.ts";

/** What a PDF may ask for. */
export interface PdfLimits {
  /** Pages of one file in a question. Default: 100. */
  readonly maxPages?: number | undefined;
  /** Seconds that opening a file or drawing a page may take. Default: 20. */
  readonly maxSeconds?: number | undefined;
}

/** A PDF as the drawing thread is told of it; the bytes are shared with it. */
export interface PdfFile {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly password: string | undefined;
}

/** To the thread: how large are the pages of the ranges (default: all), or the pixels of a page. */
export interface PageRequest {
  readonly file: PdfFile;
  readonly ranges?: readonly PageRange[] | undefined;
  readonly page?: { readonly number: number; readonly pixels: Size };
}

/** From the thread, one for each request; sizes are in points. After an error that is `broken` it is of no use. */
export type PageReply =
  | { readonly pages: readonly (Size & { readonly number: number })[] }
  | { readonly image: Image }
  | { readonly error: SentError; readonly broken: boolean };

/** The size at which a page counts as seen whole, 144 dots to the inch: print of 6 points is 12 pixels high. */
const pixelsPerPoint = 2;

/** The pages of a PDF that `named` asks for. Throws FormatError for what is no PDF, RequestError for pages that it does not have, for too many of
 *  them, and where it is encrypted and the password is missing or wrong. */
export async function openPages(
  bytes: Uint8Array,
  { name, pages: ranges, password }: NamedImage,
  { maxPages = 100, maxSeconds = 20 }: PdfLimits,
): Promise<OpenImage[]> {
  const hash = sha256(bytes);
  const file: PdfFile = { key: JSON.stringify([hash, name, password]), bytes: shared(bytes), name, password };
  const opening = await asked({ file, ranges }, maxSeconds);
  if (!("pages" in opening)) throw new EngineError(`"${name}": the drawing thread sent no sizes`);
  const { pages } = opening;
  if (pages.length > maxPages)
    throw new RequestError(
      `"${name}": ${pages.length} pages in one question, the limit is ${maxPages}; name those that matter, as in file.pdf#1,3-5`,
    );
  return pages.map(({ number, width, height }): OpenImage => {
    return {
      name: `${name}#${number}`,
      width: Math.max(1, Math.round(width * pixelsPerPoint)),
      height: Math.max(1, Math.round(height * pixelsPerPoint)),
      content: Buffer.from(`${hash}#${number}`),
      async decode(pixels) {
        const drawn = await asked({ file, page: { number, pixels } }, maxSeconds);
        if ("image" in drawn) return drawn.image;
        throw new EngineError(`"${name}": the drawing thread sent no pixels`);
      },
    };
  });
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

let thread: Worker | undefined;
let last: Promise<unknown> = Promise.resolve();

/** The reply to a request, after those to all before. */
function asked(request: PageRequest, maxSeconds: number): Promise<Exclude<PageReply, { error: SentError }>> {
  const turn = last.then(async () => {
    thread ??= new Worker(new URL("./page-worker.js", import.meta.url), { execArgv: [] });
    thread.ref();
    try {
      const reply = await answered(thread, request, maxSeconds);
      if (!("error" in reply)) return reply;
      if (reply.broken) leave();
      throw reply.broken ? brokenBy(request, reply.error.message) : received(reply.error);
    } finally {
      thread?.unref();
    }
  });
  last = turn.catch(() => undefined);
  return turn;
}

function answered(worker: Worker, request: PageRequest, maxSeconds: number): Promise<PageReply> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => () => {
      clearTimeout(timer);
      worker.off("message", told).off("error", failed);
      done();
    };
    const told = (reply: PageReply): void => settle(() => resolve(reply))();
    const failed = (error: Error): void => lost(brokenBy(request, error.message));
    const lost = (error: Error): void => {
      leave();
      settle(() => reject(error))();
    };
    // This thread may have computed all the while: a reply that is already there is heard first.
    const late = (): NodeJS.Immediate => setImmediate(() => lost(tooSlow(request, maxSeconds)));
    const timer = setTimeout(late, maxSeconds * 1000);
    worker.on("message", told).on("error", failed);
    try {
      worker.postMessage(request);
    } catch (error) {
      settle(() => reject(error))();
    }
  });
}

function leave(): void {
  void thread?.terminate();
  thread = undefined;
}

const placeOf = ({ file, page }: PageRequest): string => `"${file.name}${page ? `#${page.number}` : ""}"`;

const tooSlow = (request: PageRequest, maxSeconds: number): FormatError =>
  new FormatError(
    `${placeOf(request)}: not drawn after ${maxSeconds} seconds, the limit; ask about other pages, or about a picture of this one`,
  );

const brokenBy = (request: PageRequest, message: string): FormatError =>
  new FormatError(`${placeOf(request)}: PDFium failed (${message}); ask about other pages, or save the file again`);
