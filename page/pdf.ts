/** Pages of a PDF, drawn by PDFium in a thread of their own, as the server draws them. */
import type { Picture } from "./paper.ts";
import type { Reply, Request } from "./pdf-worker.ts";

/** The file is encrypted; `wrong` where a password was given that does not open it. */
export class PasswordNeeded extends Error {
  override name = "PasswordNeeded" as const;
  readonly wrong: boolean;
  constructor(file: string, wrong: boolean) {
    super(wrong ? `the password does not open "${file}"; try another` : `"${file}" asks for a password`);
    this.wrong = wrong;
  }
}

/** An open PDF. */
export interface Pdf {
  readonly pages: number;
  /** A page, counted from 0, so many pixels wide. */
  draw(page: number, width: number): Promise<Picture>;
  close(): void;
}

/** Opens a PDF. Throws PasswordNeeded, and an Error of one sentence for what is none. */
export async function openPdf(file: File, password?: string): Promise<Pdf> {
  const worker = new Worker(new URL("./pdf-worker.ts", import.meta.url), { type: "module" });
  const waiting: ((reply: Reply) => void)[] = [];
  // The worker answers in the order in which it is asked.
  worker.onmessage = ({ data }: MessageEvent<Reply>) => waiting.shift()!(data);
  worker.onerror = ({ message }) => {
    for (const answer of waiting.splice(0)) answer({ error: message || "PDFium cannot be loaded" });
  };
  const asked = (request: Request): Promise<Reply> => {
    worker.postMessage(request);
    return new Promise((resolve) => waiting.push(resolve));
  };
  const opened = await asked({ bytes: new Uint8Array(await file.arrayBuffer()), password });
  if (!("pages" in opened)) {
    worker.terminate();
    if ("locked" in opened) throw new PasswordNeeded(file.name, password !== undefined);
    throw new Error(`"${file.name}" cannot be opened as a PDF: ${"error" in opened ? opened.error : "it is damaged"}`);
  }
  return {
    pages: opened.pages,
    async draw(page, width) {
      const drawn = await asked({ page, width });
      if (!("blob" in drawn)) throw new Error(`page ${page + 1} of "${file.name}" cannot be drawn`);
      return { url: URL.createObjectURL(drawn.blob), width: drawn.width, height: drawn.height };
    },
    close: () => worker.terminate(),
  };
}
