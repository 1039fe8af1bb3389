/** The clients that people have, against `galago serve` with nano. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { pdf } from "../support/pdf.ts";
import { tinyModel } from "../support/tiny-model.ts";
import { type Started, started } from "./started.ts";

const path = fileURLToPath(new URL("../../examples/receipt.png", import.meta.url));
const receipt = readFileSync(path);
const url = `data:image/png;base64,${receipt.toString("base64")}`;
const total = "295.20";
const folder = mkdtempSync(join(tmpdir(), "galago-serve-"));
const babble = tinyModel(join(folder, "babble"));

let server: Started;
let client: OpenAI;
beforeAll(async () => {
  const words = ["--model", "nano", babble, "--threads", "1", "--api-key", "one", "two"];
  server = await started(words, { GALAGO_API_KEYS: "three,four" });
  client = new OpenAI({ baseURL: `${server.address}/v1`, apiKey: "two", maxRetries: 0 });
});
afterAll(async () => {
  expect(await server.stop()).toBe(130);
  rmSync(folder, { recursive: true });
});

type Messages = OpenAI.Chat.Completions.ChatCompletionMessageParam[];
const image = { type: "image_url", image_url: { url } } as const;
const question: Messages = [{ role: "user", content: [image, { type: "text", text: "What is the total?" }] }];
const ask = async (messages: Messages, more: object = {}) => {
  const answer = await client.chat.completions.create({ model: "nano", messages, ...more, stream: false });
  return answer as OpenAI.ChatCompletion as OpenAI.ChatCompletion & { galago: any };
};
/** All that a stream brings. */
async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const pieces: T[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

describe("the openai client", () => {
  test("is answered at once, with the usage and what Galago adds", async () => {
    const answer = await ask(question);
    expect(answer.choices).toMatchObject([
      { index: 0, message: { role: "assistant", content: total }, finish_reason: "stop" },
    ]);
    const { prompt_tokens, completion_tokens, total_tokens } = answer.usage!;
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
    expect(answer.galago.images).toMatchObject([{ source: "image 1", width: 367, height: 482, scale: 1 }]);
    expect(answer.galago.usage.visual_tokens).toBe(384);
    expect(answer.galago.confidence).toBeGreaterThan(0.5);
  });

  test("is streamed pieces that join to the same answer, then the usage", async () => {
    const stream = await client.chat.completions.create({
      model: "nano",
      messages: question,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await all(stream);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(total);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.at(-2)).toMatchObject({ choices: [{ delta: {}, finish_reason: "stop" }], galago: { guess: null } });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 6 } });
  });

  test("asks about several images over several turns", async () => {
    const messages: Messages = [
      { role: "system", content: "Read." },
      ...question,
      { role: "assistant", content: total },
      { role: "user", content: [{ type: "text", text: "And on this one?" }, image] },
    ];
    // Chosen, so that there is one look.
    const { galago, usage } = await ask(messages, { galago: { tiles: "print:1..12" } });
    expect(galago.images.map(({ source }: { source: string }) => source)).toEqual(["image 1", "image 2"]);
    expect(galago.usage.visual_tokens).toBe(2 * 384);
    expect(usage!.prompt_tokens).toBeGreaterThan(2 * 384);
  });

  test("sends a file as well, which the answer calls by its name", async () => {
    const file = { type: "file", file: { filename: "receipt.png", file_data: url } } as const;
    const { galago, choices } = await ask([
      { role: "user", content: [file, { type: "text", text: "What is the total?" }] },
    ]);
    expect(choices[0].message.content).toBe(total);
    expect(galago.images[0].source).toBe("receipt.png");
  });

  test("asks about pages of a PDF", async () => {
    const lines = ["one", "two", "three"].map((word) => `BT /F1 20 Tf 10 60 Td (${word}) Tj ET`);
    const file_data = `data:application/pdf;base64,${pdf(lines).toString("base64")}`;
    const file = { type: "file", file: { filename: "three.pdf", file_data } } as const;
    const content = [file, { type: "text", text: "What is written here?" } as const];
    const { galago } = await ask([{ role: "user", content }], { galago: { pages: "2-3" } });
    expect(galago.images.map(({ source }: { source: string }) => source)).toEqual(["three.pdf#2", "three.pdf#3"]);
    const gap = await ask([{ role: "user", content }], { galago: { pages: "1,3" } });
    expect(gap.galago.images.map(({ source }: { source: string }) => source)).toEqual(["three.pdf#1", "three.pdf#3"]);
    for (const [pages, message] of [
      ["4", "no page 4; it has pages 1 to 3"],
      ["1,,3", '"1,,3" is no list of pages; expected one as 3, 2-5 or 1,3-5'],
    ])
      await expect(ask([{ role: "user", content }], { galago: { pages } })).rejects.toMatchObject({
        status: 400,
        message: expect.stringContaining(`"three.pdf": ${message}`),
      });
  });

  test("says how images are seen", async () => {
    const { galago } = await ask(question, { galago: { tiles: "single" } });
    expect(galago.images[0].tiles).toEqual({ detailed: [1, 1], adaptive: null, global: false });
  });

  test("is told where the tiles lie before the first word of a stream, and which tokens were kept at its end", async () => {
    const galago = { cells: true, compress: "scm:0.5" };
    const stream = await client.chat.completions.create({
      model: "nano",
      messages: question,
      stream: true,
      galago,
    } as never);
    const chunks = await all(stream as unknown as AsyncIterable<any>);
    const [, cut, dropped] = chunks;
    expect(cut.choices[0].delta).toEqual({});
    expect(cut.galago.images[0].cells).toHaveLength(6);
    const kept = dropped.galago.images[0].cells.flatMap(({ kept }: { kept: number[] | null }) => kept ?? []);
    expect(kept).toHaveLength(192);
    expect(chunks.at(-1).galago.images).toEqual(dropped.galago.images);
  });

  test("is told how likely each token was, at once and streamed", async () => {
    const more = { logprobs: true, top_logprobs: 3 };
    const { choices } = await ask(question, more);
    const { content } = choices[0].logprobs!;
    expect(content!.map(({ token }) => token).join("")).toBe(total);
    for (const { logprob, top_logprobs } of content!) {
      expect(top_logprobs).toHaveLength(3);
      expect(top_logprobs[0].logprob).toBeCloseTo(logprob, 5);
    }
    const stream = await client.chat.completions.create({ model: "nano", messages: question, stream: true, ...more });
    const tokens = (await all(stream)).flatMap(({ choices }) => choices[0].logprobs?.content ?? []);
    expect(tokens).toEqual(content);
  });

  test("is streamed with each word how likely its tokens were", async () => {
    const reading = [
      { role: "user", content: [image, { type: "text", text: "Read all the text." }] },
    ] as typeof question;
    const stream = await client.chat.completions.create({
      model: "nano",
      messages: reading,
      stream: true,
      logprobs: true,
      max_tokens: 30,
    });
    const said = (await all(stream)).flatMap(({ choices: [{ delta, logprobs }] }) =>
      delta.content ? [[delta.content, logprobs?.content?.map(({ token }) => token).join("")]] : [],
    );
    expect(said.length).toBeGreaterThan(10);
    for (const [content, tokens] of said) expect(tokens).toBe(content);
  });

  describe("with a schema", () => {
    const Receipt = z.object({
      shop: z.string().describe("What is the name of the shop?"),
      total: z.number(),
      currency: z.enum(["EUR", "GBP"]),
    });
    const response_format = zodResponseFormat(Receipt, "receipt");

    test("is answered JSON that parses into it, each value with its confidence", async () => {
      const { choices, ...rest } = await client.chat.completions.parse({
        model: "nano",
        messages: question,
        response_format,
      });
      const { parsed, content } = choices[0].message;
      expect(parsed).toEqual({ shop: "ALPINE TOYS", total: 295.2, currency: "GBP" });
      expect(JSON.parse(content!)).toEqual(parsed);
      const { fields } = (rest as any).galago;
      expect(fields.map(({ path }: { path: string }) => path)).toEqual(["/shop", "/total", "/currency"]);
      for (const { confidence } of fields) expect(confidence).toBeGreaterThan(0.1);
    });

    test("is streamed it value by value", async () => {
      const stream = client.chat.completions.stream({ model: "nano", messages: question, response_format });
      const chunks = await all(stream);
      expect(chunks.filter(({ choices }) => choices[0]?.delta.content).length).toBeGreaterThan(3);
      const final = await stream.finalChatCompletion();
      expect(final.choices[0]).toMatchObject({ finish_reason: "stop", message: { parsed: { total: 295.2 } } });
    });

    test("is told by its name what a schema cannot hold", async () => {
      const schema = { type: "object", properties: { a: { type: "array", uniqueItems: true } } };
      const odd = { type: "json_schema", json_schema: { name: "odd", schema } } as const;
      await expect(ask(question, { response_format: odd })).rejects.toThrow(/400.*#\/properties\/a: "uniqueItems"/);
    });

    test("an object of any kind is JSON also from a model that babbles", async () => {
      const more = { model: babble, response_format: { type: "json_object" }, temperature: 2, max_tokens: 400 };
      const { choices } = await ask(question, { ...more, seed: 3 });
      if (choices[0].finish_reason === "stop") expect(JSON.parse(choices[0].message.content!)).toBeTypeOf("object");
      expect(choices[0].message.content).toMatch(/^\{/);
    });
  });

  test("lists the models", async () => {
    const { data } = await client.models.list();
    expect(data).toMatchObject([
      { id: "nano", galago: { loaded: true, on_disk: true, licence: "apache-2.0" } },
      { id: babble, galago: { loaded: expect.any(Boolean) } },
    ]);
    expect(await client.models.retrieve("nano")).toMatchObject({ id: "nano", object: "model" });
  });

  test.each([
    ["a model that is not served", { model: "gpt-5" }, OpenAI.NotFoundError, "model"],
    ["tools", { tools: [{ type: "function", function: { name: "f" } }] }, OpenAI.BadRequestError, undefined],
    ["likelihoods of others alone", { top_logprobs: 2 }, OpenAI.BadRequestError, "top_logprobs"],
    ["two answers", { n: 2 }, OpenAI.BadRequestError, "n"],
    ["a tiling that does not exist", { galago: { tiles: "mosaic" } }, OpenAI.BadRequestError, undefined],
    [
      "an image that is a path",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: path } }] }] },
      OpenAI.BadRequestError,
      "messages.0.content.0.image_url.url",
    ],
    [
      "an image that is none",
      {
        messages: [
          { role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } }] },
        ],
      },
      OpenAI.BadRequestError,
      undefined,
    ],
  ])("is refused %s, streaming or not", async (_, body, kind, param) => {
    for (const stream of [false, true]) {
      const refused = client.chat.completions.create({ model: "nano", messages: question, ...body, stream } as never);
      const error = await refused.then(
        () => undefined,
        (error: InstanceType<typeof OpenAI.APIError>) => error,
      );
      expect(error).toBeInstanceOf(kind);
      expect(error!.param ?? undefined).toBe(param);
    }
  });
});

describe("the options of an answer", () => {
  const say = async (more: object) => {
    const { choices, usage } = await ask([{ role: "user", content: "Say something." }], { model: babble, ...more });
    return { text: choices[0].message.content!, reason: choices[0].finish_reason, tokens: usage!.completion_tokens };
  };

  test.each(["max_tokens", "max_completion_tokens"])("%s ends it", async (key) => {
    expect(await say({ [key]: 5 })).toMatchObject({ tokens: 5, reason: "length" });
  });

  test("a seed draws the same answer again, and another seed another", async () => {
    const drawn = (seed: number) => say({ temperature: 1, seed, max_tokens: 24 });
    const [one, again, other] = [await drawn(1), await drawn(1), await drawn(2)];
    expect(again).toEqual(one);
    expect(other.text).not.toBe(one.text);
  });

  test("top_p of next to nothing draws the likeliest token each time", async () => {
    const likeliest = await say({ max_tokens: 24 });
    expect(await say({ temperature: 1, top_p: 1e-6, seed: 3, max_tokens: 24 })).toEqual(likeliest);
  });

  test.each(["text", "list"])("a stop string ends it and is no part of it, given as a %s", async (form) => {
    const { text } = await say({ max_tokens: 24 });
    const stop = text.slice(6, 9);
    const stopped = await say({ max_tokens: 24, stop: form === "text" ? stop : ["never said", stop] });
    expect(stopped).toMatchObject({ text: text.slice(0, text.indexOf(stop)).trimEnd(), reason: "stop" });
  });
});

describe("the AI SDK", () => {
  const provider = () => createOpenAICompatible({ name: "galago", baseURL: `${server.address}/v1`, apiKey: "three" });
  const messages = [
    {
      role: "user" as const,
      content: [
        { type: "image" as const, image: receipt, mediaType: "image/png" },
        { type: "text" as const, text: "What is the total?" },
      ],
    },
  ];

  test("generates a text", async () => {
    const { text, finishReason, usage } = await generateText({ model: provider()("nano"), messages });
    expect({ text, finishReason }).toEqual({ text: total, finishReason: "stop" });
    expect(usage.outputTokens).toBe(6);
  });

  test("streams a text", async () => {
    const { textStream, finishReason } = streamText({ model: provider()("nano"), messages });
    expect((await all(textStream)).join("")).toBe(total);
    expect(await finishReason).toBe("stop");
  });
});

describe("API keys", () => {
  test.each(["one", "two", "three", "four"])("%s may ask", async (apiKey) => {
    const { data } = await new OpenAI({ baseURL: `${server.address}/v1`, apiKey }).models.list();
    expect(data.length).toBe(2);
  });

  test.each(["five", "on", "one,two"])("%j may not", async (apiKey) => {
    const refused = new OpenAI({ baseURL: `${server.address}/v1`, apiKey, maxRetries: 0 }).models.list();
    await expect(refused).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });
});

test("curl gets a stream of server-sent events", async () => {
  const body = JSON.stringify({ model: "nano", messages: question, stream: true });
  const words = ["-sN", `${server.address}/v1/chat/completions`, "-H", "Content-Type: application/json"];
  const curl = promisify(execFile)("curl", [...words, "-H", "Authorization: Bearer one", "-d", "@-"]);
  curl.child.stdin!.end(body);
  const events = (await curl).stdout.split("\n\n");
  expect(events.slice(-2)).toEqual(["data: [DONE]", ""]);
  const chunks = events.slice(0, -2).map((event) => JSON.parse(event.replace(/^data: /, "")));
  expect(chunks.map(({ choices }) => choices[0].delta.content ?? "").join("")).toBe(total);
});
