/** /v1/files: what batches are made of, and what comes of them. */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { ProtocolError } from "./errors.ts";
import type { Storage } from "./storage.ts";

const file = z.looseObject({ id: z.string(), object: z.literal("file"), bytes: z.int(), filename: z.string() });
const json = <T extends z.ZodType>(description: string, schema: T) => ({
  200: { description, content: { "application/json": { schema } } },
});
const params = z.object({ id: z.string().openapi({ param: { name: "id", in: "path" } }) });

const upload = createRoute({
  method: "post",
  path: "/v1/files",
  summary: "Leave a file of questions, a line of JSON each",
  request: {
    body: {
      required: true,
      content: {
        "multipart/form-data": {
          schema: z.object({
            file: z
              .custom<File>((value) => value instanceof File, "expected a file")
              .openapi({ type: "string", format: "binary" }),
            purpose: z.literal("batch"),
          }),
        },
      },
    },
  },
  responses: json("The file", file),
});
const list = createRoute({
  method: "get",
  path: "/v1/files",
  summary: "All files",
  responses: json("The files, the latest first", z.object({ object: z.literal("list"), data: z.array(file) })),
});
const one = createRoute({
  method: "get",
  path: "/v1/files/{id}",
  summary: "One of them",
  request: { params },
  responses: json("The file", file),
});
const content = createRoute({
  method: "get",
  path: "/v1/files/{id}/content",
  summary: "What is in it",
  request: { params },
  responses: { 200: { description: "Its bytes", content: { "application/jsonl": { schema: z.string() } } } },
});
const remove = createRoute({
  method: "delete",
  path: "/v1/files/{id}",
  summary: "Delete it",
  request: { params },
  responses: json("That it is gone", z.object({ id: z.string(), object: z.literal("file"), deleted: z.literal(true) })),
});

/** Adds the routes. */
export function files(app: OpenAPIHono, storage: Storage): void {
  app.openapi(upload, async (c) => {
    const { file, purpose } = c.req.valid("form");
    return c.json(
      { ...(await storage.files()).put(new Uint8Array(await file.arrayBuffer()), file.name, purpose) },
      200,
    );
  });
  app.openapi(list, async (c) =>
    c.json({ object: "list" as const, data: (await storage.files()).list().map((file) => ({ ...file })) }, 200),
  );
  app.openapi(one, async (c) => c.json({ ...(await storage.files()).get(c.req.valid("param").id) }, 200));
  app.openapi(content, async (c) => {
    const bytes = await (await storage.files()).read(c.req.valid("param").id);
    return new Response(new Uint8Array(bytes), { headers: { "Content-Type": "application/jsonl" } }) as never;
  });
  app.openapi(remove, async (c) => {
    const { id } = c.req.valid("param");
    if ((await storage.batches()).needs(id))
      throw new ProtocolError(409, `file "${id}" is that of a batch under way; cancel it first`);
    (await storage.files()).remove(id);
    return c.json({ id, object: "file" as const, deleted: true as const }, 200);
  });
}
