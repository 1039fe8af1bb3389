/** The library's messages, checked and turned into what a model is asked. */
import { RequestError } from "../errors.ts";
import type { Message } from "../text/template.ts";
import type { Question } from "./answer.ts";
import type { NamedImage, Pixels } from "./images.ts";

/** A path, an http, https or file URL, the bytes of an image file, or RGB or RGBA pixels. */
export type ImageInput = string | URL | Uint8Array | Blob | Pixels;

/** A piece of a message. `name` is what errors and the record call the image; default: its path or URL. */
export type ChatPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly image: ImageInput; readonly name?: string | undefined };

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
      if (part?.type === "image") images.push(named(part.image, part.name ?? `image ${images.length + 1}`, part.name));
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

async function named(image: ImageInput, fallback: string, given?: string): Promise<NamedImage> {
  if (typeof image === "string") return { name: given ?? image, image };
  if (image instanceof URL) return { name: given ?? image.href, image: addressOf(image) };
  if (image instanceof Blob) return { name: fallback, image: new Uint8Array(await image.arrayBuffer()) };
  if (image instanceof Uint8Array) return { name: fallback, image };
  const { data, width, height } = image ?? {};
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray)
    return { name: fallback, image: { data, width, height } };
  throw new RequestError(`"${fallback}" is no path, URL, Uint8Array, Blob or { data, width, height }`);
}

function addressOf(url: URL): string {
  if (["http:", "https:", "file:"].includes(url.protocol)) return url.href;
  throw new RequestError(`"${url.href.slice(0, 80)}": protocol is ${url.protocol}; expected http:, https: or file:`);
}
