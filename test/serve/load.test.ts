/** More questions than a server answers at once, clients that leave, and a server that is told to end. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createAdaptorServer } from "@hono/node-server";
import { afterAll, describe, expect, test, vi } from "vitest";
import { tinyModel } from "../support/tiny-model.ts";
import { fake } from "./fake.ts";
import { started } from "./started.ts";

/** Questions that are answered when a test says so, in the order in which they were begun. */
function held() {
  const begun: { readonly question: string; end(): void }[] = [];
  const server = (more: Parameters<typeof fake>[1]) =>
    fake(async function* ([{ content }]) {
      await new Promise<void>((end) => begun.push({ question: content as string, end }));
      yield "done";
    }, more);
  return { begun, server };
}
const question = (content: string) => ({ messages: [{ role: "user", content }] });
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

describe("a full queue", () => {
  test("answers what fits in the order in which it came, and 429 to the rest, until there is room again", async () => {
    const { begun, server } = held();
    const { ask, pool } = server({ batch: 2, queue: 3 });
    const answers = ["a", "b", "c", "d", "e"].map((content) => ask(question(content)));
    await settled();
    expect(pool.count()).toEqual({ running: 2, waiting: 3 });
    const refused = await ask(question("f"));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ error: { type: "rate_limit_error", code: "queue_full" } });

    begun[0].end();
    await answers[0];
    const late = ask(question("g"));
    for (let i = 1; i < 6; i++) {
      await settled();
      begun[i].end();
    }
    const responses = await Promise.all([...answers, late]);
    expect(responses.map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(begun.map(({ question }) => question)).toEqual(["a", "b", "c", "d", "e", "g"]);
    expect(pool.count()).toEqual({ running: 0, waiting: 0 });
  });

  test("tells to wait for as long as answers took of late, times those ahead", async () => {
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
    const { begun, server } = held();
    const { ask } = server({ batch: 1, queue: 1 });
    for (let i = 0; i < 40; i++) {
      const answer = ask();
      await settled();
      now += 8000;
      begun[i].end();
      await answer;
    }
    const answers = [ask(), ask()];
    await settled();
    expect((await ask()).headers.get("Retry-After")).toBe("16");
    for (const i of [40, 41]) {
      await settled();
      begun[i].end();
    }
    await Promise.all(answers);
    clock.mockRestore();
  });

  test("of one model leaves others their places: a queue is each model's own", async () => {
    const { begun, server } = held();
    const { ask, pool } = server({ batch: 1, queue: 0, models: ["fake", "other"] });
    const answers = [ask(), ask({ model: "other" })];
    await settled();
    expect(pool.count()).toEqual({ running: 2, waiting: 0 });
    expect((await ask()).status).toBe(429);
    for (const { end } of begun) end();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
  });
});

test("nothing is kept of an answer that was given", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const asked: WeakRef<object>[] = [];
  const { ask } = fake(async function* (messages, { signal }) {
    asked.push(new WeakRef(messages));
    // As a model does, that stops where it is told to.
    signal?.addEventListener("abort", () => void messages.length);
    yield "done";
  });
  for (let i = 0; i < 8; i++) await (await ask()).text();
  await settled();
  collect();
  // The last one may still lie on the stack.
  expect(asked.slice(0, -1).filter((messages) => messages.deref())).toEqual([]);
});

describe("a client that leaves", () => {
  /** A server at a socket, whose answers go on until they are ended; how many words each had, and whether it was ended. */
  async function endless() {
    const answers: { words: number; ended: boolean }[] = [];
    const { app, pool } = fake(async function* () {
      const answer = { words: 0, ended: false };
      answers.push(answer);
      try {
        for (;;) {
          await settled();
          answer.words++;
          yield "word ";
        }
      } finally {
        answer.ended = true;
      }
    });
    const http = createAdaptorServer({ fetch: app.fetch }) as Server;
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const address = `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1/chat/completions`;
    const body = (stream: boolean) =>
      JSON.stringify({ model: "fake", messages: [{ role: "user", content: "?" }], stream });
    const ask = (stream: boolean, signal: AbortSignal) =>
      fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: body(stream), signal });
    const close = async () => {
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    };
    return { answers, pool, ask, close };
  }

  test.each([true, false])(
    "ends its answer, at the word that is being said, and frees its place; stream: %s",
    async (stream) => {
      const { answers, pool, ask, close } = await endless();
      const abort = new AbortController();
      const asked = ask(stream, abort.signal).then((response) => response.text());
      asked.catch(() => undefined);
      while (!(answers[0]?.words > 3)) await settled();
      abort.abort();
      await expect(asked).rejects.toThrow();
      while (pool.count().running) await settled();
      const { words } = answers[0];
      for (let i = 0; i < 4; i++) await settled();
      expect(answers).toEqual([{ words: expect.toSatisfy((now: number) => now <= words + 1), ended: true }]);
      await close();
    },
  );

  test("while it waits is forgotten, and its question never asked", async () => {
    const { answers, pool, ask, close } = await endless();
    const [first, second] = [new AbortController(), new AbortController()];
    for (const { signal } of [first, second]) ask(true, signal).catch(() => undefined);
    while (pool.count().waiting === 0) await settled();
    second.abort();
    while (pool.count().waiting) await settled();
    first.abort();
    while (pool.count().running) await settled();
    expect(answers.length).toBe(1);
    await close();
  });
});

describe("a server that is told to end", () => {
  const folder = mkdtempSync(join(tmpdir(), "galago-serve-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const babble = tinyModel(join(folder, "babble"));

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("by %s finishes what runs and what waits, and takes nothing new", async (signal, status) => {
    const server = await started(["--model", babble, "--threads", "1", "--batch", "1"]);
    const ask = (max_tokens: number) =>
      fetch(`${server.address}/v1/chat/completions`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ model: babble, messages: [{ role: "user", content: "?" }], max_tokens, stream: true }),
      });
    const running = await ask(600);
    const waiting = ask(3);
    await fetch(`${server.address}/health`);
    const ended = server.stop(signal);
    const texts = [running.text(), waiting.then((response) => response.text())];
    await expect(once(server.child.stderr!, "never", { signal: AbortSignal.timeout(200) })).rejects.toThrow();
    await expect(ask(1).then(({ status }) => Promise.reject(new Error(`${status}`)))).rejects.toThrow();
    for (const text of await Promise.all(texts))
      expect(text).toMatch(/"finish_reason":"length".*\n\ndata: \[DONE\]\n\n$/s);
    expect(await ended).toBe(status);
  });
});
