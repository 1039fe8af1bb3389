/** One answer from its request to its end, whatever ends it. */
import { RequestError } from "../errors.ts";
import type { AnswerRecord, Piece } from "../run/answer.ts";
import { conversation, optionsOf } from "./conversation.ts";
import { refusal } from "./errors.ts";
import type { Pool } from "./pool.ts";
import type { ChatRequest } from "./protocol.ts";
import type { Fetch } from "./remote.ts";

/** What is noted of an answer at its end; 499: the client left. */
export interface Noted {
  readonly model: string;
  readonly status: number;
  readonly seconds: number;
  /** From the request to the first piece. */
  readonly firstSeconds: number | null;
  /** Of an answer that was finished. */
  readonly record: AnswerRecord | null;
}

/** Who answers, and how. */
export interface Answerer {
  readonly pool: Pool;
  /** Seconds from a request to the end of its answer; none for a `patient` one, which waits until nobody else does. */
  readonly deadline: number;
  readonly patient?: boolean;
  /** Fetches images at addresses; without it they are refused. */
  readonly remote?: Fetch | undefined;
  note(noted: Noted): void;
}

/** An answer under way. */
export interface Answering {
  /** The next piece, or the record. Throws what ended the answer before. */
  next(): Promise<IteratorResult<Piece, AnswerRecord>>;
  /** Ends it, as nobody reads on. */
  leave(): void;
}

/** Begins to answer; `gone` is aborted where the client leaves. */
export function answering(asked: ChatRequest, gone: AbortSignal, answerer: Answerer): Answering {
  const { deadline, patient = false, note } = answerer;
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  let firstSeconds: number | null = null;
  // Not AbortSignal.any: Node keeps what it makes, and all that listens to it, as long as the process lives.
  const ended = new AbortController();
  const { signal } = ended;
  const abandon = (): void => ended.abort(gone.reason);
  const timer = patient ? undefined : setTimeout(() => ended.abort(late(deadline)), deadline * 1000);
  const pieces = answered(asked, signal, answerer);

  let over = false;
  const end = (status: number, record: AnswerRecord | null = null): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    gone.removeEventListener("abort", abandon);
    // Also where it waits for a reader.
    void pieces.return(undefined as never).catch(() => undefined);
    note({ model: asked.model, status, seconds: seconds(), firstSeconds, record });
  };
  signal.addEventListener("abort", () => end(signal.reason instanceof RequestError ? signal.reason.status : 499));
  if (gone.aborted) abandon();
  else gone.addEventListener("abort", abandon);
  return {
    async next() {
      try {
        signal.throwIfAborted();
        const step = await pieces.next();
        firstSeconds ??= seconds();
        if (step.done) end(200, step.value);
        return step;
      } catch (error) {
        end(refusal(error).status);
        throw error;
      }
    },
    leave: () => ended.abort(),
  };
}

const late = (seconds: number): RequestError =>
  new RequestError(`the answer was not finished within ${seconds} s; ask for less, or serve with --deadline`, 504);

/** The answer of a model, once it has a place. */
async function* answered(
  asked: ChatRequest,
  signal: AbortSignal,
  { pool, remote, patient }: Answerer,
): AsyncGenerator<Piece, AnswerRecord> {
  const options = optionsOf(asked);
  const messages = await conversation(asked, remote, signal);
  const { model, leave } = await pool.take(asked.model, signal, patient);
  try {
    return yield* model.chat(messages, { ...options, signal });
  } finally {
    leave();
  }
}
