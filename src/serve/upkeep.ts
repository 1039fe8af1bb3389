/** GET /health, /ready and /metrics: for who keeps the server running. */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { ProtocolError } from "./errors.ts";
import { keyed } from "./guard.ts";
import type { Metrics } from "./metrics.ts";

const status = (word: string) => ({ "application/json": { schema: z.object({ status: z.literal(word) }) } });

const health = createRoute({
  method: "get",
  path: "/health",
  summary: "Whether the server lives",
  responses: { 200: { description: "It does, also while it computes", content: status("ok") } },
});
const readiness = createRoute({
  method: "get",
  path: "/ready",
  summary: "Whether a question would be answered now",
  responses: { 200: { description: "It would; else 503", content: status("ready") } },
});
const numbers = createRoute({
  method: "get",
  path: "/metrics",
  summary: "What Prometheus reads",
  responses: {
    200: {
      description: "The queue, time to the first token, tokens a second, cached tokens, memory",
      content: { "text/plain": { schema: z.string() } },
    },
  },
});

/** Adds the routes. Numbers are told to who may ask questions. */
export function upkeep(app: OpenAPIHono, ready: () => boolean, metrics: Metrics, apiKeys: readonly string[]): void {
  app.openapi(health, (c) => c.json({ status: "ok" }, 200));
  app.openapi(readiness, (c) => {
    if (ready()) return c.json({ status: "ready" }, 200);
    throw new ProtocolError(503, "no model is open; ask again in a moment", { headers: { "Retry-After": "1" } });
  });
  app.use("/metrics", keyed(apiKeys));
  app.openapi(numbers, async (c) => c.text(await metrics.text(), 200, { "Content-Type": metrics.contentType }));
}
