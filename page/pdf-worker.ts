/** The thread in which PDFium opens one PDF and draws its pages, one request after the other. */
import { type PDFiumDocument, PDFiumLibrary } from "@hyzyla/pdfium";
import wasmUrl from "@hyzyla/pdfium/pdfium.wasm?url";

/** First the file, then its pages, counted from 0. */
export type Request =
  | { readonly bytes: Uint8Array; readonly password?: string | undefined }
  | { readonly page: number; readonly width: number };

/** An answer, in the order of the requests. */
export type Reply =
  | { readonly pages: number }
  | { readonly blob: Blob; readonly width: number; readonly height: number }
  | { readonly locked: true }
  | { readonly error: string };

/** Longest side of a drawn page. */
const longest = 4096;

let document: PDFiumDocument;

async function open(bytes: Uint8Array, password?: string): Promise<Reply> {
  const library = await PDFiumLibrary.init({ wasmUrl: new URL(wasmUrl, import.meta.url).href });
  document = await library.loadDocument(bytes, password);
  return { pages: document.getPageCount() };
}

async function draw(index: number, wanted: number): Promise<Reply> {
  const page = document.getPage(index);
  const { originalWidth, originalHeight } = page.getOriginalSize();
  const scale = Math.min(wanted / originalWidth, longest / originalHeight);
  const width = Math.max(1, Math.round(originalWidth * scale));
  const height = Math.max(1, Math.round(originalHeight * scale));
  const { data } = await page.render({ render: "bitmap", width, height });
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  return { blob: await canvas.convertToBlob({ type: "image/png" }), width, height };
}

let last: Promise<void> = Promise.resolve();

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  last = last.then(async () => {
    const answer = "bytes" in data ? open(data.bytes, data.password) : draw(data.page, data.width);
    postMessage(
      await answer.catch(
        ({ message }: Error): Reply => (/^password/i.test(message) ? { locked: true } : { error: message }),
      ),
    );
  });
});
