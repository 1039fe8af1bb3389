/** From the messages of a request to those of the library. Only bytes reach it: a string of a request could be a path. */
import type { ChatMessage, ChatPart } from "../run/chat.ts";
import type { ChatOptions } from "../run/load.ts";
import { ProtocolError } from "./errors.ts";
import type { ChatRequest, Part, Turn } from "./protocol.ts";

/** The conversation, its images as bytes. Throws ProtocolError that names the part. */
export const conversation = (turns: readonly Turn[]): ChatMessage[] =>
  turns.map(({ role, content }, i) => ({
    role: role === "developer" ? "system" : role,
    content:
      typeof content === "string" ? content : content.map((part, j) => partOf(part, `messages.${i}.content.${j}`)),
  }));

function partOf(part: Part, param: string): ChatPart {
  if (part.type === "text") return part;
  if (part.type === "image_url") return { type: "image", image: bytesOf(part.image_url.url, `${param}.image_url.url`) };
  const { filename, file_data } = part.file;
  return { type: "image", image: bytesOf(file_data, `${param}.file.file_data`), name: filename };
}

/** The bytes in a data URL. */
function bytesOf(url: string, param: string): Uint8Array {
  const comma = url.indexOf(",");
  if (comma !== -1 && /^data:[\w.+-]+\/[\w.+-]+;base64$/i.test(url.slice(0, comma)))
    return Buffer.from(url.slice(comma + 1), "base64");
  throw new ProtocolError(400, `${param}: "${url.slice(0, 40)}" is no address; expected data:image/...;base64,...`, {
    param,
  });
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
    topLogprobs: logprobs ? (top_logprobs ?? 0) : undefined,
    tiles: galago.tiles,
    scm: galago.scm,
    compress: galago.compress,
    skipBlank: galago.skip_blank,
    cells: galago.cells,
  };
}
