/** The server as a function, with models that say what a test wants. */
import { describe, expect, test, vi } from "vitest";
import { EngineError, FormatError, RequestError } from "../../src/errors.ts";
import { fake } from "./fake.ts";

async function* hello() {
  yield "Hel";
  yield "lo";
}

describe("before its model is open", () => {
  test("a server lives but is not ready", async () => {
    const { app, pool } = fake(hello);
    expect((await app.request("/health")).status).toBe(200);
    expect((await app.request("/ready")).status).toBe(503);
    await pool.open("fake");
    expect((await app.request("/ready")).status).toBe(200);
  });

  test("a question opens it", async () => {
    const { ask, pool } = fake(hello);
    expect(await (await ask()).json()).toMatchObject({ choices: [{ message: { content: "Hello" } }] });
    expect(pool.loaded("fake")).toBe(true);
  });
});

describe("an error is told in OpenAI's shape", () => {
  const json = { "Content-Type": "application/json" };
  test.each([
    ["no such page", "GET", "/v2", {}, undefined, 404, "invalid_request_error"],
    ["another method", "GET", "/v1/chat/completions", {}, undefined, 404, "invalid_request_error"],
    ["no JSON", "POST", "/v1/chat/completions", json, "{", 400, "invalid_request_error"],
    ["an empty body", "POST", "/v1/chat/completions", json, "", 400, "invalid_request_error"],
    ["JSON of another shape", "POST", "/v1/chat/completions", json, "[]", 400, "invalid_request_error"],
    [
      "a body without its type",
      "POST",
      "/v1/chat/completions",
      { "Content-Type": "text/plain" },
      "{}",
      415,
      "invalid_request_error",
    ],
    [
      "a body that is too large",
      "POST",
      "/v1/chat/completions",
      json,
      `"${"a".repeat(1e6)}"`,
      413,
      "invalid_request_error",
    ],
  ])("%s", async (_, method, path, headers, body, status, type) => {
    const response = await fake(hello).app.request(path, { method, headers, body });
    expect(response.status).toBe(status);
    const { error } = (await response.json()) as any;
    expect(Object.keys(error)).toEqual(["message", "type", "param", "code"]);
    expect(error.type).toBe(type);
  });

  test.each([
    [new RequestError("too long"), 400, "too long"],
    [new RequestError("no memory", 507), 507, "no memory"],
    [new FormatError("no image"), 400, "no image"],
    [new EngineError("secret"), 500, "the server failed at this request; its log says how"],
    [new TypeError("secret"), 500, "the server failed at this request; its log says how"],
  ])("%s of the model", async (error, status, message) => {
    for (const stream of [false, true]) {
      const { ask, failures } = fake(() => ({ next: () => Promise.reject(error), return: () => undefined }) as never);
      const response = await ask({ stream });
      expect([response.status, ((await response.json()) as any).error.message]).toEqual([status, message]);
      expect(failures).toEqual(status === 500 ? [error] : []);
    }
  });

  test("an error after the first piece ends the stream with its message, and is told", async () => {
    const error = new EngineError("secret");
    const { ask, failures } = fake(async function* () {
      yield "Hel";
      throw error;
    });
    const response = await ask({ stream: true });
    expect(response.status).toBe(200);
    const events = (await response.text()).trim().split("\n\n");
    expect(JSON.parse(events.at(-1)!.slice(6))).toMatchObject({ error: { type: "server_error" } });
    expect(events.join()).not.toContain("secret");
    expect(failures).toEqual([error]);
  });
});

test("a PDF comes as bytes with the pages and the password that were named", async () => {
  let seen: unknown;
  const { ask } = fake(async function* ([{ content }]) {
    seen = content;
    yield "?";
  });
  const file = { filename: "a.pdf", file_data: "data:application/pdf;base64,AQID" };
  const messages = [{ role: "user", content: [{ type: "file", file }] }];
  expect((await ask({ messages, galago: { pages: "2-3", password: "sesame" } })).status).toBe(200);
  const image = Buffer.of(1, 2, 3);
  expect(seen).toEqual([{ type: "image", image, name: "a.pdf", pages: "2-3", password: "sesame" }]);
});

test("a message of many parts reaches the model in order, its images as bytes", async () => {
  let seen: unknown;
  const { ask } = fake(async function* (messages) {
    seen = messages;
    yield "";
  });
  const url = "data:image/png;base64,AQID";
  await ask({
    messages: [
      { role: "developer", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "image_url", image_url: { url, detail: "high" } },
        ],
      },
    ],
  });
  expect(seen).toEqual([
    { role: "system", content: "Be brief." },
    {
      role: "user",
      content: [
        { type: "text", text: "a" },
        { type: "image", image: Buffer.from([1, 2, 3]) },
      ],
    },
  ]);
});

describe("the deadline", () => {
  const endless = async function* () {
    yield "a";
    await new Promise(() => undefined);
  };

  test("ends an answer with 504", async () => {
    const response = await fake(endless, { deadline: 0.05 }).ask();
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ error: { type: "server_error" } });
  });

  test("ends a stream with an error, and frees its place", async () => {
    const { ask, pool } = fake(endless, { deadline: 0.05 });
    const events = await (await ask({ stream: true })).text();
    expect(events).toContain("was not finished within 0.05 s");
    expect(pool.count()).toEqual({ running: 0, waiting: 0 });
  });

  test("holds for the time in the queue as well", async () => {
    const { ask, pool } = fake(endless, { deadline: 0.1 });
    const responses = await Promise.all([ask(), ask()]);
    expect(responses.map(({ status }) => status)).toEqual([504, 504]);
    expect(pool.count()).toEqual({ running: 0, waiting: 0 });
  });
});

test("no timer of an answer outlives it, whatever its end", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { ask } = fake(hello, { deadline: 1000 });
  for (const more of [{}, { stream: true }, { model: "none" }, { stop: 1 }]) await (await ask(more)).text();
  const cancelled = await ask({ stream: true });
  await cancelled.body!.cancel();
  await new Promise(setImmediate);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});
