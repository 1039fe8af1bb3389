/** PDFs: how many pages they have, how large these are, and their pixels. */
import { type PDFiumDocument, PDFiumLibrary, type PDFiumPage } from "@hyzyla/pdfium";
import { FormatError, RequestError } from "../errors.ts";
import { type Image, opaque, type Size } from "./image.ts";
import type { PageRange } from "./ranges.ts";

/** `name` is what error messages call the file; `password` opens one that is encrypted. */
export interface PdfOptions {
  readonly name?: string | undefined;
  readonly password?: string | undefined;
}

/** An open PDF. */
export interface Pdf {
  readonly pages: number;
  /** The numbers of the pages of the ranges, in their order; by default of all. Throws RequestError for pages that the file does not have. */
  numbers(asked?: readonly PageRange[]): number[];
  /** The size of a page in points, 72 to the inch, without reading it. Throws FormatError for a page that is damaged. */
  size(number: number): Size;
  /** A page, which `draw` closes. Throws FormatError for a page that is damaged. */
  page(number: number): PDFiumPage;
  /** The page on white paper, stretched over that many pixels. */
  draw(page: PDFiumPage, pixels: Size): Promise<Image>;
  close(): void;
}

/** The parts of PDFium's C interface that the package loads but does not wrap. Pointers are byte offsets into its heap. */
interface Pdfium {
  _FPDF_GetPageSizeByIndexF(document: number, index: number, size: number): number;
  wasmExports: { malloc(bytes: number): number; free(pointer: number): void };
  HEAPF32: Float32Array;
}

/** PDFium holds a file in its own memory, of which there are 2 GB. */
const maxBytes = 500e6;

let library: Promise<PDFiumLibrary> | undefined;

/** "%PDF-" stands within the first kilobyte. */
export function isPdf(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, 1024)).includes("%PDF-");
}

/** Opens a PDF. Throws FormatError for what is none or has no pages, RequestError for one that is encrypted where the password is missing or wrong. */
export async function openPdf(bytes: Uint8Array, options: PdfOptions = {}): Promise<Pdf> {
  const { name = "PDF" } = options;
  const document = await opened(bytes, name, options.password);
  const pages = document.getPageCount();
  if (pages === 0) {
    document.destroy();
    throw new FormatError(`"${name}": has no pages; save the file again`);
  }
  const size = (number: number): Size => {
    const { width, height } = sizeOf(document, number - 1);
    if (width > 0 && height > 0 && width + height < Number.POSITIVE_INFINITY) return { width, height };
    throw damaged(name, number);
  };
  return {
    size,
    pages,
    numbers(asked = [{ first: 1, last: pages }]) {
      const beyond = asked.find(({ first, last }) => !(first >= 1 && first <= last && last <= pages));
      if (!beyond)
        return asked.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
      const { first, last } = beyond;
      throw new RequestError(`"${name}": no page ${first >= 1 ? last : first}; it has pages 1 to ${pages}`);
    },
    page(number) {
      size(number);
      const page = document.getPage(number - 1);
      if ((page as unknown as { pageIdx: number }).pageIdx) return page;
      throw damaged(name, number);
    },
    async draw(page, { width, height }) {
      const { data } = await page.render({ render: "bitmap", width, height, scale: 1 });
      return { data: opaque(data, width * height), width, height };
    },
    close: () => document.destroy(),
  };
}

async function opened(bytes: Uint8Array, name: string, password?: string): Promise<PDFiumDocument> {
  if (bytes.length > maxBytes)
    throw new FormatError(`"${name}": ${bytes.length} bytes, the limit of a PDF is ${maxBytes}; split it`);
  library ??= PDFiumLibrary.init();
  const pdfium = await library;
  try {
    return await pdfium.loadDocument(bytes, password);
  } catch (cause) {
    const { message } = cause as Error;
    if (/^password/i.test(message))
      throw new RequestError(
        `"${name}": is encrypted, and ${password ? "this password does not open it" : "opens with its password only; give it"}`,
      );
    throw new FormatError(`"${name}": cannot be opened as a PDF (${message})`, { cause });
  }
}

function sizeOf(document: PDFiumDocument, index: number): Size {
  const { module, documentIdx } = document as unknown as { module: Pdfium; documentIdx: number };
  const pointer = module.wasmExports.malloc(8);
  try {
    if (!module._FPDF_GetPageSizeByIndexF(documentIdx, index, pointer)) return { width: 0, height: 0 };
    const [width, height] = module.HEAPF32.subarray(pointer / 4, pointer / 4 + 2);
    return { width, height };
  } finally {
    module.wasmExports.free(pointer);
  }
}

const damaged = (name: string, number: number): FormatError =>
  new FormatError(`"${name}": page ${number} is damaged; ask about the others, or save the file again`);
