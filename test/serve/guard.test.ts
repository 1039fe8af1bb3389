/** What keeps others out: pages of other sites, requests that are too much, and what a log tells. */
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { serverLog } from "../../src/serve/log.ts";
import { fake } from "./fake.ts";

async function* hello() {
  yield "Hello";
}
const receipt = readFileSync(new URL("../../examples/receipt.png", import.meta.url));
const url = "/v1/chat/completions";
const post = (headers: Record<string, string>, host = "localhost:8080") =>
  [
    `http://${host}${url}`,
    {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ model: "fake", messages: [{ role: "user", content: "?" }] }),
    },
  ] as const;

describe("a server for this machine alone", () => {
  test.each([
    ["localhost:8080", 200],
    ["127.0.0.1:8080", 200],
    ["[::1]:8080", 200],
    ["example.com", 403],
    ["localhost.example.com:8080", 403],
    ["169.254.169.254", 403],
  ])("that is called %s answers %d", async (host, status) => {
    expect((await fake(hello).app.request(...post({}, host))).status).toBe(status);
    expect((await fake(hello, { alone: false }).app.request(...post({}, host))).status).toBe(200);
  });

  test.each([
    [undefined, 200],
    ["http://localhost:8080", 200],
    ["http://localhost:3000", 403],
    ["https://example.com", 403],
    ["null", 403],
    ["https://other.example.com", 200],
  ])("asked by a page of %s answers %d", async (origin, status) => {
    const { app } = fake(hello, { origins: ["https://other.example.com"] });
    const response = await app.request(...post(origin ? { Origin: origin } : {}));
    expect(response.status).toBe(status);
    const allowed = origin === "https://other.example.com" ? origin : null;
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe(allowed);
  });

  test("answers the preflight of a site that is named, and of no other", async () => {
    const { app } = fake(hello, { origins: ["https://named.example.com"], apiKeys: ["key"] });
    const preflight = (origin: string) =>
      app.request(`http://localhost${url}`, {
        method: "OPTIONS",
        headers: { Origin: origin, "Access-Control-Request-Method": "POST" },
      });
    const named = await preflight("https://named.example.com");
    expect([named.status, named.headers.get("Access-Control-Allow-Origin")]).toEqual([
      204,
      "https://named.example.com",
    ]);
    expect((await preflight("https://example.com")).status).toBe(403);
  });
});

test.each(["/health", "/v1/models", "/nowhere"])("%s tells browsers to load nothing from elsewhere", async (path) => {
  const { headers } = await fake(hello).app.request(path);
  expect(headers.get("Content-Security-Policy")).toContain(
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:;",
  );
  expect(headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'");
  expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
  expect(headers.get("Access-Control-Allow-Origin")).toBe(null);
});

describe("a request that is too much", () => {
  const image = (base64: string) => ({ type: "image_url", image_url: { url: `data:image/png;base64,${base64}` } });
  /** A receipt in whose header another size stands. */
  const claiming = (width: number, height: number) => {
    const bytes = Buffer.from(receipt);
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    return bytes.toString("base64");
  };
  const content = (parts: object[]) => ({ messages: [{ role: "user", content: parts }] });

  test("is one of too many images", async () => {
    const response = await fake(hello).ask(content(Array(65).fill(image("AAAA"))));
    expect(await response.json()).toMatchObject({ error: { param: "messages.0.content.64.image_url.url" } });
  });

  test("is one of images that claim too many pixels, each or all together", async () => {
    for (const parts of [[image(claiming(20_000, 20_000))], Array(3).fill(image(claiming(6000, 6000)))]) {
      const response = await fake(hello).ask(content(parts));
      expect(response.status).toBe(400);
      expect(((await response.json()) as any).error.message).toMatch(/limit/);
    }
  });

  test.each(["told beforehand", "in pieces"])(
    "is one of many megabytes, %s, while others of many are answered",
    async (how) => {
      let end = () => {};
      const held = async function* () {
        await new Promise<void>((resolve) => {
          end = resolve;
        });
        yield "a";
      };
      const { app, pool } = fake(held, { maxBody: 1000 });
      const body = new TextEncoder().encode(
        JSON.stringify({ model: "fake", messages: [{ role: "user", content: "?" }] }).padEnd(900),
      );
      const ask = () => {
        const pieces = new ReadableStream({
          start(controller) {
            for (let at = 0; at < 900; at += 90) controller.enqueue(body.slice(at, at + 90));
            controller.close();
          },
        });
        const [told, sent] = how === "in pieces" ? [{}, pieces] : [{ "Content-Length": "900" }, body];
        return app.request(`http://localhost${url}`, {
          method: "POST",
          headers: { "Content-Type": "application/json", ...told },
          body: sent,
          duplex: "half",
        } as RequestInit);
      };
      const settled = () => new Promise((resolve) => setTimeout(resolve, 2));
      const answers: ReturnType<typeof ask>[] = [];
      for (let i = 0; i < 8; i++) {
        answers.push(ask());
        await settled();
      }
      const refused = await ask();
      expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "1"]);
      for (let i = 0; i < 8; i++) {
        end();
        await settled();
      }
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(8).fill(200));
      expect(pool.count()).toEqual({ running: 0, waiting: 0 });
      const again = ask();
      await settled();
      end();
      expect((await again).status).toBe(200);
    },
  );
});

test("bodies that never end are refused once they have brought together what may be held", async () => {
  const { app } = fake(hello, { maxBody: 1000 });
  let pulled = 0;
  const answers = Array.from({ length: 20 }, () => {
    let left = 9;
    const body = new ReadableStream({
      pull(controller) {
        if (left-- <= 0) return new Promise(() => undefined);
        pulled += 100;
        controller.enqueue(new Uint8Array(100).fill(32));
      },
    });
    const headers = { "Content-Type": "application/json" };
    return app.request(`http://localhost${url}`, { method: "POST", headers, body, duplex: "half" } as RequestInit);
  });
  const { status } = await Promise.race(answers);
  expect(status).toBe(429);
  await new Promise((resolve) => setTimeout(resolve, 20));
  // Eight bodies of the largest size, and of each stream what lies in its buffers.
  expect(pulled).toBeLessThan(8 * 1000 + 20 * 400);
});

describe("the log", () => {
  async function lines(content: boolean, more: object = {}) {
    const written: string[] = [];
    const log = serverLog({ write: (line) => void written.push(line) }, content);
    const { ask } = fake(async function* () {
      yield "the answer is secret";
    }, log);
    await (await ask({ messages: [{ role: "user", content: "my question" }], ...more })).text();
    log.failed(new Error("boom"));
    return written.map((line) => JSON.parse(line));
  }

  test("has a line for each answer with what it took, and one for each error, but nothing of what was said", async () => {
    for (const stream of [true, false]) {
      const [answer, failure] = await lines(false, { stream });
      expect(answer).toMatchObject({ msg: "answer", model: "fake", status: 200, usage: { prompt_tokens: 3 } });
      expect(answer.seconds).toBeGreaterThanOrEqual(answer.first_seconds);
      expect(failure.err.message).toBe("boom");
      expect(JSON.stringify(answer)).not.toMatch(/secret|question/);
    }
  });

  test("has a line for an answer that was refused", async () => {
    expect((await lines(false, { model: "none" }))[0]).toMatchObject({ model: "none", status: 404 });
  });

  test("holds the answer where that is asked", async () => {
    expect((await lines(true))[0]).toMatchObject({ question: "?", answer: "the answer is secret" });
  });
});
