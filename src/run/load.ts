/** The library's way to a model: it lives in a thread of its own, so that the caller's event loop stays free. */
import "./ort-silent.ts";
import { Worker } from "node:worker_threads";
import { EngineError, RequestError } from "../errors.ts";
import type { AnswerOptions, AnswerRecord, Piece, Question } from "./answer.ts";
import { type ChatMessage, questionOf } from "./chat.ts";
import { openGate, shut } from "./gate.ts";
import type { ModelOptions } from "./model.ts";
import { modelFolder } from "./models.ts";
import { type Reply, type Request, received, type Start } from "./wire.ts";

/** How a model is loaded. */
export type LoadOptions = Omit<ModelOptions, "name">;

/** How one answer is made, and the signal that ends it. */
export interface ChatOptions extends AnswerOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A loaded model. */
export interface Galago {
  /** Answers the last message: yields pieces of text, returns the record. Questions are begun in the order in which
   *  their first piece was asked for, as many at once as the model was loaded for. An aborted signal ends it at once, and the model's work within one token; so does
   *  leaving the loop. Throws RequestError, FormatError, WeightError or EngineError. */
  chat(messages: readonly ChatMessage[], options?: ChatOptions): AsyncGenerator<Piece, AnswerRecord>;
  /** Ends what is under way and frees everything. */
  close(): Promise<void>;
}

/** Loads a model by name or folder. An idle model does not keep the process alive. Throws RequestError (404) for a model that
 *  is not there, FormatError and WeightError for damaged files. */
export async function load(model = "nano", options: LoadOptions = {}): Promise<Galago> {
  const { threads, precision, tiles, scm, compress, skipBlank, force, cache, batch, pdf } = options;
  const own = { name: model, threads, precision, tiles, scm, compress, skipBlank, force, cache, batch, pdf };
  const thread = new Thread({ folder: modelFolder(model), options: own, gate: openGate() });
  await thread.opened();
  return {
    chat: (messages, options) => chat(thread, messages, options),
    close: () => thread.close(),
  };
}

async function* chat(
  thread: Thread,
  messages: readonly ChatMessage[],
  { signal, ...options }: ChatOptions = {},
): AsyncGenerator<Piece, AnswerRecord> {
  signal?.throwIfAborted();
  const question = await questionOf(messages);
  signal?.throwIfAborted();
  const { id, inbox } = thread.ask(question, options);
  const abort = (): void => inbox.fail(signal!.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      const reply = await inbox.next();
      if (reply.type === "failed") throw received(reply.error);
      if (reply.type === "piece") yield reply.piece;
      if (reply.type === "done") return reply.record;
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    thread.end(id);
  }
}

/** The worker, and who waits for what from it. It keeps the process alive only while it works. */
class Thread {
  private readonly worker: Worker;
  /** Who reads the replies to a question, until it has heard enough. */
  private readonly inboxes = new Map<number, Inbox>();
  /** Questions that the worker has not finished. */
  private readonly working = new Set<number>();
  private readonly exited: Promise<void>;
  private last = 0;
  private closed = false;

  constructor(start: Start) {
    // The process may run with flags that only its main thread takes, as --input-type.
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: start, execArgv: [] });
    this.expect(0);
    this.worker.on("message", (reply: Reply) => this.take(reply));
    this.worker.on("error", (cause) =>
      this.fail(new EngineError(`the model's thread failed: ${cause.message}`, { cause })),
    );
    const shutGate = (): void => shut(start.gate);
    process.once("exit", shutGate);
    this.exited = new Promise((resolve) => {
      this.worker.on("exit", () => {
        process.off("exit", shutGate);
        // What it said before it ended may not have been read yet.
        for (const inbox of this.inboxes.values()) inbox.end(closedError());
        this.closed = true;
        resolve();
      });
    });
  }

  async opened(): Promise<void> {
    try {
      const reply = await this.inboxes.get(0)!.next();
      if (reply.type === "failed") throw received(reply.error);
      this.end(0);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Asks; \`end\` must follow. */
  ask(question: Question, options: AnswerOptions): { id: number; inbox: Inbox } {
    if (this.closed) throw closedError();
    const id = ++this.last;
    this.send({ type: "ask", id, question, options });
    this.worker.ref();
    return { id, inbox: this.expect(id) };
  }

  /** Nobody reads the replies any more. */
  end(id: number): void {
    this.inboxes.delete(id);
    if (this.working.has(id) && !this.closed) this.send({ type: "abort", id });
    this.rest();
  }

  async close(): Promise<void> {
    if (!this.closed) {
      this.closed = true;
      this.fail(closedError());
      this.worker.ref();
      this.send({ type: "close" });
    }
    await this.exited;
  }

  private send(request: Request): void {
    this.worker.postMessage(request);
  }

  private expect(id: number): Inbox {
    const inbox = new Inbox();
    this.inboxes.set(id, inbox);
    this.working.add(id);
    return inbox;
  }

  private take(reply: Reply): void {
    if (reply.type !== "piece") this.working.delete(reply.id);
    this.inboxes.get(reply.id)?.put(reply);
    this.rest();
  }

  private rest(): void {
    if (this.inboxes.size === 0 && this.working.size === 0 && !this.closed) this.worker.unref();
  }

  private fail(error: unknown): void {
    for (const inbox of this.inboxes.values()) inbox.fail(error);
  }
}

const closedError = (): RequestError => new RequestError("the model is closed; load it again");

/** Replies in order, for one reader; `fail` comes before all that was not read, `end` after it. */
class Inbox {
  private readonly replies: Reply[] = [];
  private failure: { error: unknown } | undefined;
  private wake: () => void = () => undefined;

  put(reply: Reply): void {
    if (this.failure) return;
    this.replies.push(reply);
    this.wake();
  }
  fail(error: unknown): void {
    this.replies.length = 0;
    this.end(error);
  }
  end(error: unknown): void {
    this.failure ??= { error };
    this.wake();
  }
  async next(): Promise<Reply> {
    while (!this.failure && this.replies.length === 0)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    const reply = this.replies.shift();
    if (reply) return reply;
    throw this.failure!.error;
  }
}
