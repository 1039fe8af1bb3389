/** The server's HTTP API, as far as the page speaks it. */
import { EventSourceParserStream } from "eventsource-parser/stream";

/** A row of /v1/models. */
export interface Model {
  readonly id: string;
  readonly galago: {
    readonly loaded: boolean;
    readonly on_disk: boolean;
    readonly licence: string | null;
    readonly memory_bytes: number | null;
  };
}

/** The grids of tiles that an image is seen in. */
export type Layer = "detailed" | "adaptive" | "global";

/** Where a tile lies, in pixels of the image. */
export interface Cell {
  readonly layer: Layer;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** The sides of the whole tile, of which the cell is the top left: `tokens` are spread over them. */
  readonly span: readonly [width: number, height: number];
  readonly tokens: readonly [columns: number, rows: number];
  /** Indices of the tokens that stayed, row by row; null where all did. */
  readonly kept: readonly number[] | null;
}

/** How an image was seen. */
export interface Seen {
  readonly width: number;
  readonly height: number;
  /** Below 1 detail was lost. */
  readonly scale: number;
  readonly tiles: {
    readonly detailed: readonly [columns: number, rows: number];
    readonly adaptive: readonly [columns: number, rows: number] | null;
    readonly global: boolean;
  };
  readonly cells?: readonly Cell[];
}

/** Left, top, right and bottom edge in pixels of the image, and the words they stand behind. */
export interface PhraseBox {
  readonly phrase: string | null;
  readonly box: readonly [number, number, number, number];
}

/** The parts of an answer's time, in their order. */
export const stages = ["image", "encode", "compress", "prefill", "decode"] as const;

/** What is known of an answer at its end. */
export interface Facts {
  readonly images: readonly Seen[];
  /** What was read off the page to answer from. */
  readonly shown: readonly string[];
  readonly boxes: readonly PhraseBox[];
  readonly confidence: number | null;
  readonly guess: string | null;
  readonly finish_reason: "stop" | "length" | "loop";
  readonly timing_ms: Readonly<Record<(typeof stages)[number] | "load", number>>;
  readonly usage: { readonly visual_tokens: number; readonly visual_tokens_kept: number };
}

/** A piece of a message. */
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }
  | { readonly type: "file"; readonly file: { readonly filename: string; readonly file_data: string } };

/** A question and how it is to be seen. */
export interface Asked {
  readonly model: string;
  readonly messages: readonly { readonly role: "user" | "assistant"; readonly content: string | readonly Part[] }[];
  readonly galago: {
    readonly cells: true;
    readonly scm?: number;
    readonly tiles?: string;
    readonly pages?: string;
    readonly password?: string;
  };
}

/** What a stream brings: text, how the images are seen, the facts at the end. */
export interface Piece {
  readonly text?: string;
  readonly images?: readonly Seen[];
  readonly facts?: Facts;
}

/** What the server said no to; `status` is 0 where it did not answer. */
export class Refused extends Error {
  override name = "Refused" as const;
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** The models that may be asked. */
export async function models(key: string): Promise<readonly Model[]> {
  const { data } = await (await answered("v1/models", key)).json();
  return data;
}

/** The pieces of an answer, as they are written. Throws Refused, and AbortError once `signal` is aborted. */
export async function* ask(asked: Asked, key: string, signal: AbortSignal): AsyncGenerator<Piece> {
  const response = await answered("v1/chat/completions", key, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...asked, stream: true }),
    signal,
  });
  const events = response.body!.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const reader = events.getReader();
  let ended = false;
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    if (step.value.data === "[DONE]") return;
    const { choices, galago, error } = JSON.parse(step.value.data);
    if (error) throw new Refused(error.message, response.status);
    const [choice] = choices;
    if (choice?.delta.content) yield { text: choice.delta.content };
    if (choice?.finish_reason) {
      ended = true;
      yield { facts: galago };
    } else if (galago?.images) yield { images: galago.images };
  }
  if (!ended) throw new Refused("the answer ended before it was whole; ask again", 0);
}

async function answered(path: string, key: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  const response = await fetch(path, { ...init, headers }).catch((error: Error) => {
    if (error.name === "AbortError") throw error;
    throw new Refused(`${location.host} does not answer; see whether galago serve runs`, 0);
  });
  if (response.ok) return response;
  const told = await response.json().catch(() => null);
  throw new Refused(
    told?.error?.message ?? `${location.host} answered with status ${response.status}`,
    response.status,
  );
}
