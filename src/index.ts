/** The library: `load` a model, `chat` with it, `close` it. */
export * from "./errors.ts";
export type { AnswerOptions, AnswerRecord, Cell, Piece, SeenImage } from "./run/answer.ts";
export type { ChatMessage, ChatPart, ImageInput, ImagePart } from "./run/chat.ts";
export type { CacheOptions } from "./run/features.ts";
export { type ChatOptions, type Galago, type LoadOptions, load } from "./run/load.ts";
export type { TokenLogprob } from "./run/logprobs.ts";
export type { PdfLimits } from "./run/pages.ts";
