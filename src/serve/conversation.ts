/** From the messages of a request to those of the library. Only bytes reach it: a string of a request could be a path. */
import type { ChatMessage, ChatPart } from "../run/chat.ts";
import type { ChatOptions } from "../run/load.ts";
import { measure } from "../vision/decode.ts";
import { sniff } from "../vision/sniff.ts";
import { ProtocolError } from "./errors.ts";
import type { ChatRequest, Part } from "./protocol.ts";
import type { Fetch } from "./remote.ts";

/** Most images of a request, and most pixels of all of them: as of one image. */
const maxImages = 64;
const maxPixels = 100e6;

/** The conversation, its images as bytes. `remote` fetches those that are addresses; without it they are refused. Throws ProtocolError that names the part. */
export async function conversation(
  { messages: turns, galago: { pages, password } = {} }: ChatRequest,
  remote: Fetch | undefined,
  signal: AbortSignal,
): Promise<ChatMessage[]> {
  const budget = { images: maxImages, pixels: maxPixels };

  async function image(url: string, param: string, name?: string) {
    if (budget.images-- === 0) throw new ProtocolError(400, `more than ${maxImages} images, the limit`, { param });
    const image = await bytesOf(url, param);
    if (sniff(image)) {
      const { width, height } = await measure(image, { name: name ?? param });
      budget.pixels -= width * height;
    }
    if (budget.pixels >= 0) return { type: "image" as const, image, name };
    throw new ProtocolError(400, `the images have more than ${maxPixels / 1e6} million pixels, the limit`, { param });
  }

  async function bytesOf(url: string, param: string): Promise<Uint8Array> {
    const comma = url.indexOf(",");
    if (comma !== -1 && /^data:[\w.+-]+\/[\w.+-]+;base64$/i.test(url.slice(0, comma)))
      return Buffer.from(url.slice(comma + 1), "base64");
    const web = /^https?:/i.test(url);
    if (web && remote && URL.canParse(url)) return remote(new URL(url), signal);
    const why = web && !remote ? "images are not fetched here, see --allow-remote-images;" : "is no address;";
    throw new ProtocolError(400, `${param}: "${url.slice(0, 40)}": ${why} expected data:image/...;base64,...`, {
      param,
    });
  }

  const partOf = async (part: Part, param: string): Promise<ChatPart> => {
    if (part.type === "text") return part;
    if (part.type === "image_url") return image(part.image_url.url, `${param}.image_url.url`);
    return { ...(await image(part.file.file_data, `${param}.file.file_data`, part.file.filename)), pages, password };
  };

  const messages: ChatMessage[] = [];
  for (const [i, { role, content }] of turns.entries()) {
    const parts: ChatPart[] = [];
    if (typeof content !== "string")
      for (const [j, part] of content.entries()) parts.push(await partOf(part, `messages.${i}.content.${j}`));
    messages.push({
      role: role === "developer" ? "system" : role,
      content: typeof content === "string" ? content : parts,
    });
  }
  return messages;
}
/** How the answer is made. */
export function optionsOf(asked: ChatRequest): ChatOptions {
  const {
    max_tokens,
    max_completion_tokens,
    temperature,
    top_p,
    seed,
    stop,
    response_format,
    logprobs,
    top_logprobs,
    galago = {},
  } = asked;
  if (top_logprobs && !logprobs)
    throw new ProtocolError(400, "top_logprobs is given without logprobs: true", { param: "top_logprobs" });
  return {
    maxTokens: max_completion_tokens ?? max_tokens ?? undefined,
    temperature: temperature ?? undefined,
    topP: top_p ?? undefined,
    seed: seed ?? undefined,
    stop: typeof stop === "string" ? [stop] : (stop ?? undefined),
    schema: schemaOf(response_format),
    topLogprobs: logprobs ? (top_logprobs ?? 0) : undefined,
    tiles: galago.tiles,
    scm: galago.scm,
    compress: galago.compress,
    skipBlank: galago.skip_blank,
    cells: galago.cells,
  };
}

/** The schema of a format; none for a text. */
function schemaOf(format: ChatRequest["response_format"]): object | undefined {
  if (format?.type === "json_object") return { type: "object" };
  return format?.type === "json_schema" ? format.json_schema.schema : undefined;
}
