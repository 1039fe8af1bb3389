/** Pages of born-digital PDFs: rendered to pixels, with the text layer as their truth. */
import type { PDFiumPage } from "@hyzyla/pdfium";
import { FormatError, RequestError } from "../errors.ts";
import type { Image } from "../vision/image.ts";
import { openPdf, type Pdf } from "../vision/pdf.ts";
import type { PageRange } from "../vision/ranges.ts";
import type { Glyph } from "./page.ts";

/** A rendered page; `number` counts from 1, the rest is as in `Page`. */
export interface PdfPage {
  number: number;
  image: Image;
  text: string;
  lines: string[];
  glyphs: Glyph[];
}

/** `width` is that of the images in pixels (default 800); `name` is what error messages call the file; `first` and `last`
 *  are the pages wanted, counted from 1 (default: all). */
export interface PdfOptions extends Partial<PageRange> {
  name?: string;
  width?: number;
}

/** The parts of PDFium's C interface that the package loads but does not wrap. Pointers are byte offsets into its heap. */
interface Pdfium {
  _FPDFText_LoadPage(page: number): number;
  _FPDFText_ClosePage(text: number): void;
  _FPDFText_CountChars(text: number): number;
  _FPDFText_GetUnicode(text: number, index: number): number;
  _FPDFText_GetLooseCharBox(text: number, index: number, rectangle: number): number;
  _FPDF_PageToDevice(
    page: number,
    startX: number,
    startY: number,
    sizeX: number,
    sizeY: number,
    rotate: number,
    pageX: number,
    pageY: number,
    deviceX: number,
    deviceY: number,
  ): number;
  wasmExports: { malloc(bytes: number): number; free(pointer: number): void };
  HEAPF32: Float32Array;
  HEAP32: Int32Array;
}

const maxPixels = 40_000_000;

/** Renders the pages of a PDF one after the other. Throws FormatError for what is no PDF or too long a page, RequestError
 *  for pages that it does not have. */
export async function* pdfPages(bytes: Uint8Array, options: PdfOptions = {}): AsyncGenerator<PdfPage> {
  const { name = "PDF", width = 800 } = options;
  if (!(Number.isInteger(width) && width > 0)) throw new RequestError(`"${name}": width is ${width}, expected pixels`);
  const pdf = await openPdf(bytes, { name });
  try {
    const { first = 1, last = pdf.pages } = options;
    for (const number of pdf.numbers([{ first, last }])) yield await rendered(pdf, number, width, name);
  } finally {
    pdf.close();
  }
}

/** How many pages a PDF has. Throws FormatError for what is none. */
export async function pageCount(bytes: Uint8Array, name: string): Promise<number> {
  const pdf = await openPdf(bytes, { name });
  pdf.close();
  return pdf.pages;
}

async function rendered(pdf: Pdf, number: number, width: number, name: string): Promise<PdfPage> {
  const points = pdf.size(number);
  const height = Math.max(1, Math.round((width * points.height) / points.width));
  if (width * height > maxPixels) {
    throw new FormatError(`"${name}": page ${number} would be ${width}x${height}, the limit is ${maxPixels} pixels`);
  }
  const page = pdf.page(number);
  // Drawing closes the page, so its text is read first.
  const { lines, glyphs } = textLayer(page, width, height);
  const image = await pdf.draw(page, { width, height });
  return { number, image, text: lines.join("\n"), lines, glyphs };
}

/** The characters of a page in PDFium's reading order, cut into lines, blanks collapsed. */
function textLayer(page: PDFiumPage, width: number, height: number): { lines: string[]; glyphs: Glyph[] } {
  const { module, pageIdx } = page as unknown as { module: Pdfium; pageIdx: number };
  const text = module._FPDFText_LoadPage(pageIdx);
  const scratch = module.wasmExports.malloc(24);
  const lines = [""];
  const glyphs: Glyph[] = [];
  try {
    const count = module._FPDFText_CountChars(text);
    for (let i = 0; i < count; i++) {
      let code = module._FPDFText_GetUnicode(text, i);
      // Characters beyond the first plane come as two halves.
      if (code >= 0xd800 && code < 0xdc00) {
        code = 0x10000 + ((code - 0xd800) << 10) + ((module._FPDFText_GetUnicode(text, ++i) - 0xdc00) & 0x3ff);
      }
      // PDFium marks a hyphen at the end of a line by the control character 2.
      const char = code === 2 ? "-" : String.fromCodePoint(code);
      if (char === "\r" || char === "\n") lines.push("");
      else if (char.trim() === "") lines.push(`${lines.pop()} `);
      else if (code >= 32 || code === 2) {
        lines.push(lines.pop() + char);
        if (!module._FPDFText_GetLooseCharBox(text, i, scratch)) continue;
        glyphs.push({ char, ...box(module, pageIdx, scratch, { width, height }) });
      }
    }
  } finally {
    module.wasmExports.free(scratch);
    module._FPDFText_ClosePage(text);
  }
  return { lines: lines.map((line) => line.replace(/ +/g, " ").trim()).filter((line) => line), glyphs };
}

/** Steps within a pixel: PDFium gives whole device units only. */
const fine = 64;

/** The box in pixels of the rectangle (left, top, right, bottom, in points) at `pointer`; two integers follow it there. */
function box(
  module: Pdfium,
  page: number,
  pointer: number,
  { width, height }: { width: number; height: number },
): Omit<Glyph, "char"> {
  const [left, top, right, bottom] = module.HEAPF32.subarray(pointer / 4, pointer / 4 + 4);
  const corner = (x: number, y: number): [number, number] => {
    const to = pointer + 16;
    module._FPDF_PageToDevice(page, 0, 0, width * fine, height * fine, 0, x, y, to, to + 4);
    return [module.HEAP32[to / 4] / fine, module.HEAP32[to / 4 + 1] / fine];
  };
  const [x0, y0] = corner(left, top);
  const [x1, y1] = corner(right, bottom);
  // The loose box runs from descent to ascent, about 1.12 em around the middle of the letters; capitals are 0.7 em.
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, width: Math.abs(x1 - x0), height: Math.abs(y1 - y0) * 0.63 };
}
