/** POST /v1/chat/completions: one question, answered whole or as it is written. */
import { randomUUID } from "node:crypto";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AnswerRecord, Piece } from "../run/answer.ts";
import { type Answerer, type Answering, answering } from "./answering.ts";
import { refusal } from "./errors.ts";
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

/** Adds the route; `failed` is told of errors that nobody foresaw. */
export function completions(app: OpenAPIHono, answerer: Answerer, failed: (error: unknown) => void): void {
  app.openapi(route, async (c) => {
    const asked = c.req.valid("json");
    const answer = answering(asked, c.req.raw.signal, answerer);
    return (asked.stream ? await streamed(asked, answer, failed) : Response.json(await completion(answer))) as never;
  });
}

/** The answer as it is written. What is wrong with a question shows before its first piece, while there is still a status to say it with. */
async function streamed(asked: ChatRequest, answer: Answering, failed: (error: unknown) => void): Promise<Response> {
  const first = await answer.next();
  const lines = chunks(asked, first, answer, failed);
  const body = new ReadableStream<string>({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => answer.leave(),
  });
  const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no" };
  return new Response(body.pipeThrough(new TextEncoderStream()), { headers });
}

/** The body of an answer that is told at once. */
export async function completion({ next }: Answering): Promise<object> {
  let step = await next();
  while (!step.done) step = await next();
  const record = step.value;
  const message = { role: "assistant", content: record.answer, refusal: null };
  return {
    ...head("chat.completion", record.model),
    choices: [{ index: 0, message, logprobs: likelihoods(record.logprobs), finish_reason: reason(record) }],
    usage: usage(record),
    galago: extension(record),
  };
}

/** The lines of a stream: a chunk a piece, the end with what is known of the answer, the usage where it is asked for. */
async function* chunks(
  { model, stream_options }: ChatRequest,
  first: IteratorResult<Piece, AnswerRecord>,
  { next }: Answering,
  failed: (error: unknown) => void,
): AsyncGenerator<string, void> {
  const counted = stream_options?.include_usage ?? false;
  const common = { ...head("chat.completion.chunk", model), ...(counted && { usage: null }) };
  const chunk = (delta: object, more: object = {}, end: object = { logprobs: null, finish_reason: null }) =>
    line({ ...common, choices: [{ index: 0, delta, ...end }], ...more });
  try {
    yield chunk({ role: "assistant", content: "" });
    let step = first;
    let told = 0;
    for (; !step.done; step = await next()) {
      const { text, images, logprobs } = step.value;
      told += logprobs?.length ?? 0;
      const more = { logprobs: likelihoods(logprobs), finish_reason: null };
      yield images ? chunk({}, { galago: { images } }) : chunk({ content: text }, {}, more);
    }
    const record = step.value;
    // Those that no words came of.
    const rest = record.logprobs?.slice(told);
    const end = { logprobs: likelihoods(rest?.length ? rest : undefined), finish_reason: reason(record) };
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

const likelihoods = (content: AnswerRecord["logprobs"]) => (content ? { content, refusal: null } : null);

const usage = ({ usage: { prompt_tokens, completion_tokens, cached_tokens } }: AnswerRecord) => ({
  prompt_tokens,
  completion_tokens,
  total_tokens: prompt_tokens + completion_tokens,
  prompt_tokens_details: { cached_tokens },
});

/** What `ask --json` tells and OpenAI has no place for. */
const extension = (record: AnswerRecord) => {
  const { images, shown, boxes, fields, confidence, guess, finish_reason, timing_ms, usage } = record;
  const { visual_tokens, visual_tokens_kept, cached_tokens } = usage;
  return {
    images,
    shown,
    boxes,
    ...(fields && { fields }),
    confidence,
    guess,
    finish_reason,
    timing_ms,
    usage: { visual_tokens, visual_tokens_kept, cached_tokens },
  };
};
