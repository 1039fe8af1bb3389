/** GET /v1/models: what may be asked. */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { inventory } from "../run/inventory.ts";
import { ProtocolError } from "./errors.ts";
import type { Pool } from "./pool.ts";

const entry = z.looseObject({ id: z.string(), object: z.literal("model"), created: z.int(), owned_by: z.string() });

const list = createRoute({
  method: "get",
  path: "/v1/models",
  summary: "The models that may be asked",
  responses: {
    200: {
      description: "Under galago: whether it is open and on the disk, its licence and the memory that its weights take",
      content: { "application/json": { schema: z.object({ object: z.literal("list"), data: z.array(entry) }) } },
    },
  },
});

const one = createRoute({
  method: "get",
  path: "/v1/models/{model}",
  summary: "One of them",
  // Some are called OWNER/NAME.
  request: { params: z.object({ model: z.string().openapi({ param: { name: "model", in: "path" } }) }) },
  responses: { 200: { description: "The model", content: { "application/json": { schema: entry } } } },
});

/** Adds the routes. `precision` is that in which models are opened, `begun` the time since when they may be asked. */
export function models(app: OpenAPIHono, pool: Pool, precision: string, begun: Date): void {
  const created = Math.floor(begun.getTime() / 1000);
  const entries = () => {
    const facts = inventory(pool.names);
    return pool.names.map((id) => {
      const { folder = null, licence = null, memory_bytes = null } = facts.find(({ name }) => name === id) ?? {};
      const memory = memory_bytes?.[precision as keyof typeof memory_bytes] ?? null;
      const galago = { loaded: pool.loaded(id), on_disk: folder !== null, licence, memory_bytes: memory };
      return { id, object: "model" as const, created, owned_by: "galago", galago };
    });
  };
  app.openapi(list, (c) => c.json({ object: "list" as const, data: entries() }, 200));
  app.openapi(one, (c) => {
    const { model } = c.req.valid("param");
    const found = entries().find(({ id }) => id === model);
    if (found) return c.json(found, 200);
    throw new ProtocolError(404, `no model "${model}"; see /v1/models`, { param: "model", code: "model_not_found" });
  });
}
