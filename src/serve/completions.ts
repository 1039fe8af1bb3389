/** POST /v1/chat/completions: one question, answered whole or as it is written. */
import { randomUUID } from "node:crypto";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { RequestError } from "../errors.ts";
import type { AnswerRecord, Piece } from "../run/answer.ts";
import { conversation, optionsOf } from "./conversation.ts";
import { refusal } from "./errors.ts";
import type { Pool } from "./pool.ts";
import { type ChatRequest, chatRequest } from "./protocol.ts";

const route = createRoute({
  method: "post",
  path: "/v1/chat/completions",
  summary: "Answer a conversation about images",
  request: { body: { content: { "application/json": { schema: chatRequest } }, required: true } },
  responses: {
    200: {
      description: "The answer; with stream: true its pieces as server-sent events",
      content: { "application/json": { schema: z.looseObject({}) }, "text/event-stream": { schema: z.string() } },
    },
  },
});

/** How long an answer may take, in seconds from its request to its end, and who is told of errors that nobody foresaw. */
interface Terms {
  readonly deadline: number;
  failed(error: unknown): void;
}

/** Adds the route. */
export function completions(app: OpenAPIHono, pool: Pool, { deadline, failed }: Terms): void {
  app.openapi(route, async (c) => {
    const asked = c.req.valid("json");
    const ended = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, ended.signal]);
    const timer = setTimeout(() => ended.abort(late(deadline)), deadline * 1000);
    const answer = answering(pool, asked, signal);
    const over = (): void => {
      clearTimeout(timer);
      // Also where it waits for a reader.
      void answer.return(undefined as never).catch(() => undefined);
    };
    signal.addEventListener("abort", over);
    const next: Next = async () => {
      try {
        signal.throwIfAborted();
        const step = await answer.next();
        if (step.done) over();
        return step;
      } catch (error) {
        over();
        throw error;
      }
    };
    return (await (asked.stream ? streamed(asked, next, ended, failed) : whole(next))) as never;
  });
}

type Answer = AsyncGenerator<Piece, AnswerRecord>;
type Next = () => ReturnType<Answer["next"]>;

/** The answer of a model, once it has a place. */
async function* answering(pool: Pool, asked: ChatRequest, signal: AbortSignal): Answer {
  const messages = conversation(asked.messages);
  const { model, leave } = await pool.take(asked.model, signal);
  try {
    return yield* model.chat(messages, { ...optionsOf(asked), signal });
  } finally {
    leave();
  }
}

/** The answer at once. */
async function whole(next: Next): Promise<Response> {
  for (;;) {
    const { done, value } = await next();
    if (done) return Response.json(completion(value));
  }
}

/** The answer as it is written; `ended` is aborted where nobody reads on. What is wrong with a question shows before its first piece, while there is still
 *  a status to say it with. */
async function streamed(
  asked: ChatRequest,
  next: Next,
  ended: AbortController,
  failed: Terms["failed"],
): Promise<Response> {
  const first = await next();
  const lines = chunks(asked, first, next, failed);
  const body = new ReadableStream<string>({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => ended.abort(),
  });
  const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no" };
  return new Response(body.pipeThrough(new TextEncoderStream()), { headers });
}

const late = (seconds: number): RequestError =>
  new RequestError(`the answer was not finished within ${seconds} s; ask for less, or serve with --deadline`, 504);

/** The body of an answer that is told at once. */
function completion(record: AnswerRecord) {
  const message = { role: "assistant", content: record.answer, refusal: null };
  return {
    ...head("chat.completion", record.model),
    choices: [{ index: 0, message, logprobs: likelihoods(record), finish_reason: reason(record) }],
    usage: usage(record),
    galago: extension(record),
  };
}

/** The lines of a stream: a chunk a piece, the end with what is known of the answer, the usage where it is asked for. */
async function* chunks(
  { model, stream_options }: ChatRequest,
  first: IteratorResult<Piece, AnswerRecord>,
  next: Next,
  failed: Terms["failed"],
): AsyncGenerator<string, void> {
  const counted = stream_options?.include_usage ?? false;
  const common = { ...head("chat.completion.chunk", model), ...(counted && { usage: null }) };
  const chunk = (delta: object, more: object = {}, end: object = { logprobs: null, finish_reason: null }) =>
    line({ ...common, choices: [{ index: 0, delta, ...end }], ...more });
  try {
    yield chunk({ role: "assistant", content: "" });
    let step = first;
    for (; !step.done; step = await next()) {
      const { text, images } = step.value;
      yield images ? chunk({}, { galago: { images } }) : chunk({ content: text });
    }
    const record = step.value;
    const end = { logprobs: likelihoods(record), finish_reason: reason(record) };
    yield chunk({}, { galago: extension(record) }, end);
    if (counted) yield line({ ...common, choices: [], usage: usage(record) });
    yield "data: [DONE]\n\n";
  } catch (error) {
    const { status, body } = refusal(error);
    if (status === 500) failed(error);
    yield line(body);
  }
}

const line = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;

const head = (object: string, model: string) => ({
  id: `chatcmpl-${randomUUID()}`,
  object,
  created: Math.floor(Date.now() / 1000),
  model,
});

/** A loop that was stopped is an answer cut short; OpenAI has no word for it. */
const reason = ({ finish_reason }: AnswerRecord): string => (finish_reason === "loop" ? "length" : finish_reason);

const likelihoods = ({ logprobs }: AnswerRecord) => (logprobs ? { content: logprobs, refusal: null } : null);

const usage = ({ usage: { prompt_tokens, completion_tokens, cached_tokens } }: AnswerRecord) => ({
  prompt_tokens,
  completion_tokens,
  total_tokens: prompt_tokens + completion_tokens,
  prompt_tokens_details: { cached_tokens },
});

/** What `ask --json` tells and OpenAI has no place for. */
const extension = ({ images, boxes, confidence, guess, finish_reason, timing_ms, usage }: AnswerRecord) => {
  const { visual_tokens, visual_tokens_kept, cached_tokens } = usage;
  return {
    images,
    boxes,
    confidence,
    guess,
    finish_reason,
    timing_ms,
    usage: { visual_tokens, visual_tokens_kept, cached_tokens },
  };
};
