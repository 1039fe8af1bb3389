/** What passes between a model's thread and its caller. */
import { EngineError, FormatError, RequestError, ShapeError, WeightError } from "../errors.ts";
import type { AnswerOptions, AnswerRecord, Piece, Question } from "./answer.ts";
import type { Gate } from "./gate.ts";
import type { ModelOptions } from "./model.ts";

/** What the thread is started with. */
export interface Start {
  readonly folder: string;
  readonly options: ModelOptions;
  readonly gate: Gate;
}

/** To the thread: a question, the end of one, the end of all. */
export type Request =
  | { readonly type: "ask"; readonly id: number; readonly question: Question; readonly options: AnswerOptions }
  | { readonly type: "abort"; readonly id: number }
  | { readonly type: "close" };

/** From the thread; id 0 is the opening itself. */
export type Reply =
  | { readonly type: "opened"; readonly id: 0 }
  | { readonly type: "piece"; readonly id: number; readonly piece: Piece }
  | { readonly type: "done"; readonly id: number; readonly record: AnswerRecord }
  | { readonly type: "failed"; readonly id: number; readonly error: SentError };

/** An error without its class, which does not cross. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly status?: number | undefined;
}

/** An error as data. */
export function sent(error: unknown): SentError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message, stack } = error;
  return { name, message, stack, status: error instanceof RequestError ? error.status : undefined };
}

const kinds = { ShapeError, WeightError, FormatError, RequestError, EngineError };

/** The error again, of the class it had if that is one of ours. */
export function received({ name, message, stack, status }: SentError): Error {
  const kind = Object.hasOwn(kinds, name) ? kinds[name as keyof typeof kinds] : undefined;
  const error = kind ? new kind(message) : new Error(message);
  return Object.assign(error, { stack }, status !== undefined && { status });
}
