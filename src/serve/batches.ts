/** /v1/batches: files of questions, and how far they are answered. */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Storage } from "./storage.ts";

const batch = z.looseObject({ id: z.string(), object: z.literal("batch"), status: z.string() });
const json = <T extends z.ZodType>(description: string, schema: T) => ({
  200: { description, content: { "application/json": { schema } } },
});
const params = z.object({ id: z.string().openapi({ param: { name: "id", in: "path" } }) });

const add = createRoute({
  method: "post",
  path: "/v1/batches",
  summary: "Answer the questions in a file, while nobody else asks",
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.strictObject({
            input_file_id: z.string(),
            endpoint: z.literal("/v1/chat/completions"),
            completion_window: z.literal("24h").describe("nothing is given up when it is over"),
            metadata: z.record(z.string(), z.string()).nullish(),
          }),
        },
      },
    },
  },
  responses: json("The batch", batch),
});
const list = createRoute({
  method: "get",
  path: "/v1/batches",
  summary: "All batches",
  responses: json(
    "The batches, the latest first",
    z.object({ object: z.literal("list"), data: z.array(batch), has_more: z.boolean() }),
  ),
});
const one = createRoute({
  method: "get",
  path: "/v1/batches/{id}",
  summary: "How far one of them is, and the files of its answers and of its errors",
  request: { params },
  responses: json("The batch", batch),
});
const cancel = createRoute({
  method: "post",
  path: "/v1/batches/{id}/cancel",
  summary: "End it; what was answered stays",
  request: { params },
  responses: json("The batch", batch),
});

/** Adds the routes. */
export function batches(app: OpenAPIHono, storage: Storage): void {
  app.openapi(add, async (c) => {
    const { input_file_id, completion_window, metadata } = c.req.valid("json");
    return c.json({ ...(await storage.batches()).add(input_file_id, completion_window, metadata ?? null) }, 200);
  });
  app.openapi(list, async (c) =>
    c.json(
      {
        object: "list" as const,
        data: (await storage.batches()).list().map((batch) => ({ ...batch })),
        has_more: false,
      },
      200,
    ),
  );
  app.openapi(one, async (c) => c.json({ ...(await storage.batches()).get(c.req.valid("param").id) }, 200));
  app.openapi(cancel, async (c) => c.json({ ...(await storage.batches()).cancel(c.req.valid("param").id) }, 200));
}
