/** Models that say what a test wants, in place of a thread with weights; and a server of them. */
import type { ChatMessage, ChatOptions, Galago } from "../../src/index.ts";
import type { AnswerRecord } from "../../src/run/answer.ts";
import type { Noted } from "../../src/serve/answering.ts";
import { type Served, type ServeOptions, server } from "../../src/serve/app.ts";
import { type Bounds, modelPool, type Pool } from "../../src/serve/pool.ts";

/** A record of an answer of which only the text is known. */
const recordOf = (answer: string): AnswerRecord => ({
  model: "fake",
  question: "?",
  answer,
  shown: [],
  boxes: [],
  finish_reason: "stop",
  fields: null,
  probability: 1,
  log_probability: 0,
  confidence: null,
  guess: null,
  images: [],
  usage: { prompt_tokens: 3, cached_tokens: 1, visual_tokens: 0, visual_tokens_kept: 0, completion_tokens: 2 },
  timing_ms: { load: 0, image: 0, encode: 0, compress: 0, prefill: 0, decode: 20 },
  peak_rss_bytes: 0,
});

type Say = (messages: readonly ChatMessage[], options: ChatOptions) => AsyncGenerator<string, void>;

/** A model whose pieces a function yields; it ends as a real one does when its signal is aborted. */
const fakeModel = (say: Say): Galago => ({
  async *chat(messages, options = {}) {
    const { signal } = options;
    let all = "";
    const pieces = say(messages, options);
    const aborted = new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    aborted.catch(() => undefined);
    try {
      for (;;) {
        signal?.throwIfAborted();
        const { done, value } = await Promise.race([pieces.next(), aborted]);
        if (done) return recordOf(all);
        all += value;
        yield { text: value };
      }
    } finally {
      void pieces.return();
    }
  },
  close: async () => undefined,
});

export interface Fake extends Served {
  readonly pool: Pool;
  /** Errors that nobody foresaw. */
  readonly failures: unknown[];
  readonly notes: Noted[];
  /** Asks a question. */
  ask(more?: object, headers?: Record<string, string>): Promise<Response>;
}

/** A server of one model, `fake`, unless others are named. */
export function fake(say: Say, more: Partial<ServeOptions & Bounds & { models: string[] }> = {}): Fake {
  const { batch = 1, queue = 8, models = ["fake"], ...given } = more;
  const pool = modelPool(models, async () => fakeModel(say), { batch, queue });
  const failures: unknown[] = [];
  const notes: Noted[] = [];
  const { app, begin, close } = server(pool, {
    apiKeys: [],
    origins: [],
    alone: true,
    remote: false,
    maxBody: 1e6,
    deadline: 60,
    precision: "f32",
    ready: () => pool.loaded("fake"),
    page: "none",
    home: "none",
    failed: (error) => failures.push(error),
    note: (noted) => notes.push(noted),
    ...given,
  });
  return {
    app,
    pool,
    begin,
    close,
    failures,
    notes,
    ask: async (more = {}, given = {}) => {
      const body = { model: "fake", messages: [{ role: "user", content: "?" }], ...more };
      const headers = { "Content-Type": "application/json", ...given };
      return app.request("/v1/chat/completions", { method: "POST", headers, body: JSON.stringify(body) });
    },
  };
}
