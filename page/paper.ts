/** What is asked about: images, or the pages of one PDF. */
import { openPdf } from "./pdf.ts";
import type { Part } from "./protocol.ts";

/** A sheet as it is shown. */
export interface Picture {
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/** An image or a page. */
export interface Sheet {
  readonly name: string;
  /** Draws it, `width` pixels wide where it has no width of its own. */
  picture(width: number): Promise<Picture>;
}

/** What lies on the table. */
export interface Paper {
  readonly name: string;
  readonly sheets: readonly Sheet[];
  /** The sheets of these indices as the server is sent them. */
  told(sheets: readonly number[]): Promise<Told>;
  close(): void;
}

/** Parts of a message, and what stands beside the messages. */
interface Told {
  readonly parts: readonly Part[];
  readonly pages?: string;
  readonly password?: string;
}

/** Opens what somebody chose. Throws an Error of one sentence for what cannot be shown, PasswordNeeded for a PDF that asks for one. */
export async function openPaper(files: readonly File[], password?: string): Promise<Paper> {
  const pdfs = files.filter(isPdf);
  if (pdfs.length === 0) return images(files);
  if (files.length === 1) return pdf(files[0], password);
  throw new Error(`${files.length} files with a PDF among them; open one PDF, or several images`);
}

const isPdf = ({ type, name }: File): boolean => type === "application/pdf" || /\.pdf$/i.test(name);

async function images(files: readonly File[]): Promise<Paper> {
  const pictures = await Promise.all(files.map(pictureOf));
  return {
    name: files.length === 1 ? files[0].name : `${files.length} images`,
    sheets: files.map(({ name }, i) => ({ name, picture: async () => pictures[i] })),
    async told(sheets) {
      const urls = await Promise.all(sheets.map((i) => dataUrl(files[i])));
      return { parts: urls.map((url) => ({ type: "image_url", image_url: { url } })) };
    },
    close: () => {
      for (const { url } of pictures) URL.revokeObjectURL(url);
    },
  };
}

async function pictureOf(file: File): Promise<Picture> {
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(url);
    throw new Error(`"${file.name}" is no image that this browser can show; open a PNG, JPEG, WebP or PDF`);
  }
  return { url, width: image.naturalWidth, height: image.naturalHeight };
}

async function pdf(file: File, password?: string): Promise<Paper> {
  const { pages, draw, close } = await openPdf(file, password);
  const drawn = new Map<string, Promise<Picture>>();
  const picture = (page: number, width: number): Promise<Picture> => {
    const key = `${page} ${width}`;
    const known = drawn.get(key) ?? draw(page, width);
    drawn.set(key, known);
    return known;
  };
  return {
    name: file.name,
    sheets: Array.from({ length: pages }, (_, i) => ({
      name: `Page ${i + 1}`,
      picture: (width) => picture(i, width),
    })),
    async told(sheets) {
      const part: Part = { type: "file", file: { filename: file.name, file_data: await dataUrl(file) } };
      return { parts: [part], pages: ranges(sheets), ...(password && { password }) };
    },
    close: () => {
      close();
      for (const picture of drawn.values())
        picture.then(
          ({ url }) => URL.revokeObjectURL(url),
          () => undefined,
        );
    },
  };
}

/** Pages as people write them: [0, 1, 2, 5] is "1-3,6". */
function ranges(indices: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const page of indices.map((i) => i + 1).sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.[1] === page - 1) last[1] = page;
    else runs.push([page, page]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

function dataUrl(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(new Error(`"${(file as File).name}" cannot be read any more; open it again`));
    reader.readAsDataURL(file);
  });
}
