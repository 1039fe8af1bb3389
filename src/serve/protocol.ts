/** The body of a chat completion as OpenAI's clients send it, and what Galago adds under one key. */
import { z } from "@hono/zod-openapi";

/** A piece of a message. An `image_url` is a data URL; a `file` holds one too. */
export type Part =
  | { type: "text"; text: string }
  | { type: "image_url"; image_url: { url: string } }
  | { type: "file"; file: { filename?: string | undefined; file_data: string } };

const part: z.ZodType<Part> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("image_url"), image_url: z.object({ url: z.string() }) }),
  z.object({ type: z.literal("file"), file: z.object({ filename: z.string().optional(), file_data: z.string() }) }),
]);

/** One turn. */
interface Turn {
  role: "system" | "developer" | "user" | "assistant";
  content: string | Part[];
}

/** How images are seen and what is told of it: as the options of `galago ask`. */
interface Extension {
  pages?: string | undefined;
  password?: string | undefined;
  tiles?: string | undefined;
  scm?: number | "off" | undefined;
  compress?: string | undefined;
  skip_blank?: boolean | undefined;
  cells?: boolean | undefined;
}

/** What the answer is: a text, JSON of a schema, any JSON object. `strict` changes nothing: a schema always holds. */
type Format =
  | { type: "text" | "json_object" }
  | {
      type: "json_schema";
      json_schema: { name: string; schema: Record<string, unknown>; strict?: boolean | null | undefined };
    };

const format: z.ZodType<Format> = z.discriminatedUnion("type", [
  z.object({ type: z.literal(["text", "json_object"]) }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: z.string(),
      description: z.string().optional(),
      schema: z.record(z.string(), z.unknown()).describe("a JSON Schema; see docs/extract.md for what it may hold"),
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** The body. */
export interface ChatRequest extends Extras {
  model: string;
  messages: Turn[];
  stream?: boolean | null | undefined;
  stream_options?: { include_usage?: boolean | undefined } | null | undefined;
  max_tokens?: number | null | undefined;
  max_completion_tokens?: number | null | undefined;
  temperature?: number | null | undefined;
  top_p?: number | null | undefined;
  seed?: number | null | undefined;
  stop?: string | string[] | null | undefined;
  response_format?: Format | null | undefined;
  logprobs?: boolean | null | undefined;
  top_logprobs?: number | null | undefined;
  galago?: Extension | undefined;
}

/** Keys that say nothing about the answer; they are let pass. */
interface Extras {
  user?: unknown;
  metadata?: unknown;
  store?: unknown;
  service_tier?: unknown;
  safety_identifier?: unknown;
  prompt_cache_key?: unknown;
}

const galago = z.strictObject({
  pages: z.string().optional().describe("of a PDF, the pages meant: 3, 2-5 or 1,3-5; all where it is left out"),
  password: z.string().optional().describe("of a PDF that is encrypted"),
  tiles: z.string().optional().describe("how images are cut, as msac, native:1..12, print:1..12 or single"),
  scm: z
    .union([z.number(), z.literal("off")])
    .optional()
    .describe("the share of the detailed tokens that stays"),
  compress: z.string().optional().describe("in place of scm: scm:0.5, random:0.5, divprune:0.5, fastv:0.5 or off"),
  skip_blank: z.boolean().optional().describe("leaves out tiles that hold nothing"),
  cells: z.boolean().optional().describe("also tells where the tiles lie and which of their tokens are kept"),
});

const tokens = z.int().min(1).nullish();
/** Something that clients may send where it changes nothing. */
const only = <T extends z.core.util.Literal>(...values: T[]) => z.literal(values).nullish();
const passed = z.unknown().optional();

/** Its schema. Whatever would change the answer and is not done here is refused. */
export const chatRequest: z.ZodType<ChatRequest> = z.strictObject({
  model: z.string(),
  messages: z
    .array(
      z.object({
        role: z.enum(["system", "developer", "user", "assistant"]),
        content: z.union([z.string(), z.array(part).min(1)], { error: "expected a text or a list of parts" }),
      }),
    )
    .min(1),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: tokens,
  max_completion_tokens: tokens,
  temperature: z.number().min(0).max(100).nullish().describe("0, the default, takes the likeliest token each time"),
  top_p: z.number().gt(0).max(1).nullish(),
  seed: z.int().min(0).nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)]).nullish(),
  n: only(1),
  frequency_penalty: only(0),
  presence_penalty: only(0),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  response_format: format.nullish(),
  galago: galago.optional(),
  user: passed,
  metadata: passed,
  store: passed,
  service_tier: passed,
  safety_identifier: passed,
  prompt_cache_key: passed,
});
