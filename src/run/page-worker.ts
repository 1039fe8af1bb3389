/** The thread in which pages of PDFs are drawn: one that never ends can be taken away. */
import { parentPort } from "node:worker_threads";
import { FormatError, RequestError } from "../errors.ts";
import { openPdf, type Pdf } from "../vision/pdf.ts";
import type { PageReply, PageRequest, PdfFile } from "./pages.ts";
import { sent } from "./wire.ts";

const port = parentPort!;

/** Files that were asked about last stay open, as their next page may be wanted; the one unused for longest is the first. */
const open = new Map<string, Pdf>();
const mostOpen = 2;

async function pdfOf({ key, bytes, name, password }: PdfFile): Promise<Pdf> {
  const pdf = open.get(key) ?? (await openPdf(bytes, { name, password }));
  open.delete(key);
  open.set(key, pdf);
  for (const [oldest, { close }] of open) {
    if (open.size <= mostOpen) break;
    close();
    open.delete(oldest);
  }
  return pdf;
}

async function answer({ file, ranges, page }: PageRequest): Promise<PageReply> {
  const pdf = await pdfOf(file);
  if (page) return { image: await pdf.draw(pdf.page(page.number), page.pixels) };
  return { pages: pdf.numbers(ranges).map((number) => ({ number, ...pdf.size(number) })) };
}

port.on("message", (request: PageRequest) => {
  answer(request).then(
    (reply) => port.postMessage(reply, "image" in reply ? [reply.image.data.buffer as ArrayBuffer] : []),
    (error: unknown) => {
      // Whatever else fails is PDFium's own memory, which is not to be trusted any more.
      const broken = !(error instanceof FormatError || error instanceof RequestError);
      port.postMessage({ error: sent(error), broken } satisfies PageReply);
    },
  );
});
