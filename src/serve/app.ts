/** The server: a function from Request to Response, without a socket. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import type { Answerer, Noted } from "./answering.ts";
import { batches } from "./batches.ts";
import { completions } from "./completions.ts";
import { docs } from "./docs.ts";
import { ProtocolError, refusal, unfit } from "./errors.ts";
import { files } from "./files.ts";
import { bounded, headers, keyed, local, tooLarge, typed } from "./guard.ts";
import type { Log } from "./log.ts";
import { metricsOf } from "./metrics.ts";
import { models } from "./models.ts";
import { page } from "./page.ts";
import type { Pool } from "./pool.ts";
import { remoteImages } from "./remote.ts";
import { storage } from "./storage.ts";
import { upkeep } from "./upkeep.ts";

/** What a server is made of. */
export interface ServeOptions extends Log {
  /** Who sends one of them may ask; anyone where there are none. */
  readonly apiKeys: readonly string[];
  /** Sites whose pages may ask, beside the server's own. */
  readonly origins: readonly string[];
  /** Whether only this machine reaches it. */
  readonly alone: boolean;
  /** Whether images at addresses are fetched. */
  readonly remote: boolean;
  /** Most bytes of a request. */
  readonly maxBody: number;
  /** Seconds from a question to the end of its answer. */
  readonly deadline: number;
  /** That in which models are opened. */
  readonly precision: string;
  /** The folder in which files and batches are kept. */
  readonly home: string;
  /** The folder of the page. Default: that of the build. */
  readonly page?: string;
  /** Whether questions are answered by now. */
  ready(): boolean;
}

/** Bodies that may be under way at once, of the largest size. */
const bodies = 8;

/** A server, and what it does beside answering requests. */
export interface Served {
  readonly app: OpenAPIHono;
  /** Goes on with batches that were not finished. Throws RequestError (409) where another process does. */
  begin(): Promise<void>;
  /** Stops the batches, waits for all other answers, closes the models. */
  close(): Promise<void>;
}

/** The server of a pool of models. */
export function server(pool: Pool, options: ServeOptions): Served {
  const { apiKeys, origins, alone, remote, maxBody, deadline, precision, ready, note, failed } = options;
  const app = new OpenAPIHono({
    defaultHook(result) {
      if (!result.success) throw unfit(result.error);
    },
  });
  app.onError((error) => {
    const { status, body, headers } = refusal(error);
    if (status === 500) failed(error);
    return Response.json(body, { status, headers });
  });
  app.notFound((c) => {
    throw new ProtocolError(404, `no ${c.req.method} ${c.req.path} here; see /docs`);
  });
  app.use(headers());
  app.use(local(origins, alone));
  if (origins.length) app.use(cors({ origin: [...origins] }));

  app.use("/v1/*", keyed(apiKeys), typed, bounded(bodies * maxBody, maxBody));
  app.use("/v1/*", bodyLimit({ maxSize: maxBody, onError: () => tooLarge(maxBody) }));
  const metrics = metricsOf(pool);
  const noted = (answer: Noted): void => {
    metrics.note(answer);
    note(answer);
  };
  const answerer: Answerer = { pool, deadline, remote: remote ? remoteImages(maxBody) : undefined, note: noted };
  completions(app, answerer, failed);
  const kept = storage(options.home, answerer, failed);
  models(app, pool, precision, new Date());
  files(app, kept);
  batches(app, kept);
  upkeep(app, ready, metrics, apiKeys);
  docs(app);
  page(app, options.page);
  return {
    app,
    begin: () => kept.begin(),
    async close() {
      await kept.close();
      await pool.close();
    },
  };
}
