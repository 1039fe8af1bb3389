/** The server: a function from Request to Response, without a socket. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { completions } from "./completions.ts";
import { ProtocolError, refusal, unfit } from "./errors.ts";
import { keyed } from "./guard.ts";
import { models } from "./models.ts";
import type { Pool } from "./pool.ts";

/** What a server is made of. */
export interface ServeOptions {
  /** Who sends one of them may ask; anyone where there are none. */
  readonly apiKeys: readonly string[];
  /** Most bytes of a request. */
  readonly maxBody: number;
  /** Seconds from a question to the end of its answer. */
  readonly deadline: number;
  /** That in which models are opened. */
  readonly precision: string;
  /** Whether questions are answered by now. */
  ready(): boolean;
  /** Is told of errors that nobody foresaw. */
  failed(error: unknown): void;
}

/** The server of a pool of models. */
export function server(pool: Pool, options: ServeOptions): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook(result) {
      if (!result.success) throw unfit(result.error);
    },
  });
  app.onError((error) => {
    const { status, body, headers } = refusal(error);
    if (status === 500) options.failed(error);
    return Response.json(body, { status, headers });
  });
  app.notFound((c) => {
    throw new ProtocolError(404, `no ${c.req.method} ${c.req.path} here; see /docs`);
  });

  app.get("/health", (c) => c.json({ status: "ok" }));
  app.get("/ready", (c) => {
    if (options.ready()) return c.json({ status: "ready" });
    throw new ProtocolError(503, "no model is open; ask again in a moment", {
      headers: { "Retry-After": "1" },
    });
  });

  app.use("/v1/*", keyed(options.apiKeys));
  app.use("/v1/*", typed);
  app.use("/v1/*", bodyLimit({ maxSize: options.maxBody, onError: () => tooLarge(options.maxBody) }));
  completions(app, pool, options);
  models(app, pool, options.precision, new Date());
  return app;
}

/** Bodies are JSON or forms with files: what a page of another site can send unasked is neither. */
const typed: MiddlewareHandler = async (c, next) => {
  const type = c.req.header("Content-Type") ?? "";
  if (c.req.method !== "POST" || /^(application\/json|multipart\/form-data)\s*(;|$)/i.test(type)) return next();
  throw new ProtocolError(415, `Content-Type is "${type}"; expected application/json`);
};

function tooLarge(bytes: number): never {
  const limit = `${bytes / 1e6} MB`;
  throw new ProtocolError(
    413,
    `the body is larger than ${limit}, the limit; send smaller images, or serve with --max-body`,
  );
}
