/** The library's messages, checked and turned into what a model is asked. */
import { RequestError } from "../errors.ts";
import type { Message } from "../text/template.ts";
import { pageRanges } from "../vision/ranges.ts";
import type { Question } from "./answer.ts";
import type { NamedImage, Pixels } from "./images.ts";

/** A path, an http, https or file URL, the bytes of a file, or RGB or RGBA pixels. A file is an image or a PDF; of a path or URL `file.pdf#1,3-5`, pages
 *  1 and 3 to 5 are meant, in this order. */
export type ImageInput = string | URL | Uint8Array | Blob | Pixels;

/** An image, or the pages of a PDF, each an image. */
export interface ImagePart {
  readonly type: "image";
  readonly image: ImageInput;
  /** What errors and the record call it; a page is `name#3`. Default: its path or URL. */
  readonly name?: string | undefined;
  /** Of a PDF, the pages meant: `3`, `2-5` or `1,3-5`. Default: all. */
  readonly pages?: string | undefined;
  /** Of a PDF that is encrypted. */
  readonly password?: string | undefined;
}

/** A piece of a message. */
export type ChatPart = { readonly type: "text"; readonly text: string } | ImagePart;

/** One turn of a conversation; the last one is the user's. */
export interface ChatMessage {
  readonly role: Message["role"];
  readonly content: string | readonly ChatPart[];
}

/** Where an image stands in the text that the template is given. */
const place = "<image>";
const roles: readonly string[] = ["system", "user", "assistant"];

/** The parts of each message joined by newlines, images taken out. Throws RequestError for anything that is no message, and
 *  for "<image>" written out beside images, whose place it would take. */
export async function questionOf(messages: readonly ChatMessage[]): Promise<Question> {
  if (!Array.isArray(messages)) throw new RequestError(`messages is ${typeof messages}; expected a list`);
  const images: Promise<NamedImage>[] = [];
  const texts: string[] = [];
  const told = messages.map((message: ChatMessage, i): Message => {
    const { role, content } = message ?? {};
    if (!roles.includes(role))
      throw new RequestError(`message ${i + 1}: role is ${JSON.stringify(role)}; expected ${roles.join(", ")}`);
    const parts: readonly ChatPart[] = typeof content === "string" ? [{ type: "text", text: content }] : content;
    if (!Array.isArray(parts)) throw new RequestError(`message ${i + 1}: content is no text and no list of parts`);
    const words = parts.map((part: ChatPart) => {
      if (part?.type === "image") images.push(named(part, `image ${images.length + 1}`));
      else if (part?.type === "text" && typeof part.text === "string") texts.push(part.text);
      else throw new RequestError(`message ${i + 1}: a part is neither a text nor an image`);
      return part.type === "image" ? place : part.text;
    });
    return { role, content: words.join("\n") };
  });
  if (images.length && texts.some((text) => text.includes(place)))
    throw new RequestError(`a text holds "${place}", which stands for an image; leave it out`);
  return { images: await Promise.all(images), messages: told };
}

async function named({ image, name, pages, password }: ImagePart, fallback: string): Promise<NamedImage> {
  const [path, range = pages] = typeof image === "string" || image instanceof URL ? placeOf(image) : [];
  const called = name ?? path ?? fallback;
  const asked = range === undefined ? undefined : pageRanges(range, called);
  return { name: called, image: path ?? (await dataOf(image, called)), pages: asked, password };
}

/** A path or address, and the pages that stand behind it. */
function placeOf(image: string | URL): [path: string, pages?: string] {
  const place = typeof image === "string" ? image : addressOf(image);
  const [, path = place, pages] = /^(.+\.pdf)#([\d,-]*)$/i.exec(place) ?? [];
  return [path, pages];
}

async function dataOf(image: ImageInput, name: string): Promise<Uint8Array | Pixels> {
  if (image instanceof Blob) return new Uint8Array(await image.arrayBuffer());
  if (image instanceof Uint8Array) return image;
  const { data, width, height } = (image ?? {}) as Pixels;
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return { data, width, height };
  throw new RequestError(`"${name}" is no path, URL, Uint8Array, Blob or { data, width, height }`);
}

function addressOf(url: URL): string {
  if (["http:", "https:", "file:"].includes(url.protocol)) return url.href;
  throw new RequestError(`"${url.href.slice(0, 80)}": protocol is ${url.protocol}; expected http:, https: or file:`);
}
