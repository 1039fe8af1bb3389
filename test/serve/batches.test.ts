/** Batches, with the openai client: every question is answered once, whatever happens to the server meanwhile. */
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { tinyModel } from "../support/tiny-model.ts";
import { type Fake, fake } from "./fake.ts";
import { started } from "./started.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "galago-batches-"));
});
afterEach(() => rmSync(home, { recursive: true }));

/** A client of a server in this process. */
const clientOf = ({ app }: Fake) =>
  new OpenAI({
    baseURL: "http://localhost/v1",
    apiKey: "none",
    maxRetries: 0,
    fetch: async (url, init) => app.request(url as string, init as RequestInit),
  });

const line = (custom_id: string, content: unknown, model = "fake", more = {}) =>
  JSON.stringify({
    custom_id,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model, messages: [{ role: "user", content }], ...more },
  });

async function submitted(client: OpenAI, lines: readonly string[]): Promise<string> {
  const file = await client.files.create({
    file: await toFile(Buffer.from(lines.join("\n")), "questions.jsonl"),
    purpose: "batch",
  });
  const { id } = await client.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  return id;
}

async function until(client: OpenAI, id: string, status: string) {
  for (;;) {
    const batch = await client.batches.retrieve(id);
    if (batch.status === status) return batch;
    expect(["validating", "in_progress"]).toContain(batch.status);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function linesOf(client: OpenAI, file: string | null | undefined): Promise<any[]> {
  const text = await (await client.files.content(file!)).text();
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** A model that says what it is asked, and notes it. */
function echo(asked: string[] = []) {
  return {
    asked,
    say: async function* ([{ content }]: readonly { content: unknown }[]) {
      asked.push(content as string);
      await new Promise((resolve) => setTimeout(resolve, 2));
      yield `${content}!`;
    } as Parameters<typeof fake>[0],
  };
}

describe("a batch", () => {
  test("answers a file line by line: good answers in one file in the order of the questions, others in another", async () => {
    const server = fake(echo().say, { home, batch: 4 });
    const client = clientOf(server);
    const good = Array.from({ length: 20 }, (_, i) => line(`q${i}`, `question ${i}`));
    const bad = [
      line("model", "?", "gpt-5"),
      line("n", "?", "fake", { n: 2 }),
      line("path", [{ type: "image_url", image_url: { url: "/etc/passwd" } }]),
    ];
    const id = await submitted(client, [...good.slice(0, 10), ...bad, "", ...good.slice(10)]);
    const batch = await until(client, id, "completed");
    expect(batch.request_counts).toEqual({ total: 23, completed: 20, failed: 3 });

    const answers = await linesOf(client, batch.output_file_id);
    expect(answers.map(({ custom_id }) => custom_id)).toEqual(good.map((_, i) => `q${i}`));
    for (const [i, { response }] of answers.entries())
      expect(response).toMatchObject({
        status_code: 200,
        body: { choices: [{ message: { content: `question ${i}!` } }] },
      });
    expect(
      (await linesOf(client, batch.error_file_id)).map(({ custom_id, response }) => [custom_id, response.status_code]),
    ).toEqual([
      ["model", 404],
      ["n", 400],
      ["path", 400],
    ]);
    expect((await client.batches.list()).data.map(({ id }) => id)).toEqual([id]);
    await server.close();
  });

  test.each([
    ["no JSON", [line("a", "?"), "{"], [2]],
    ["another route", [line("a", "?").replace("/v1/chat/completions", "/v1/embeddings")], [1]],
    ["the same name twice", [line("a", "?"), line("b", "?"), line("a", "?")], [3]],
    ["nothing", ["", ""], [1]],
  ])("of a file with %s fails before a question is asked, and says where", async (_, lines, wrong) => {
    const { asked, say } = echo();
    const server = fake(say, { home });
    const client = clientOf(server);
    const { errors } = await until(client, await submitted(client, lines), "failed");
    expect(errors!.data!.map(({ line }) => line)).toEqual(wrong);
    expect(asked).toEqual([]);
    await server.close();
  });

  test("that is cancelled keeps what was answered", async () => {
    const { asked, say } = echo();
    const server = fake(say, { home });
    const client = clientOf(server);
    const id = await submitted(
      client,
      Array.from({ length: 50 }, (_, i) => line(`q${i}`, `${i}`)),
    );
    while (asked.length < 5) await new Promise(setImmediate);
    await client.batches.cancel(id);
    const { request_counts, output_file_id } = await until(client, id, "cancelled");
    const answers = await linesOf(client, output_file_id);
    expect(answers.length).toBe(request_counts!.completed);
    expect(answers.length).toBeGreaterThan(2);
    expect(answers.length).toBeLessThan(20);
    await expect(client.batches.cancel(id)).rejects.toMatchObject({ status: 409 });
    await server.close();
  });

  test("waits while anybody else asks, and is not counted among those that wait", async () => {
    const { asked, say } = echo();
    const server = fake(say, { home, batch: 1, queue: 2 });
    const client = clientOf(server);
    const id = await submitted(
      client,
      Array.from({ length: 12 }, (_, i) => line(`q${i}`, `batch ${i}`)),
    );
    while (asked.length < 3) await new Promise(setImmediate);
    const before = asked.length;
    const people = await Promise.all(
      ["one", "two", "three"].slice(0, 2).map((content) => server.ask({ messages: [{ role: "user", content }] })),
    );
    expect(people.map(({ status }) => status)).toEqual([200, 200]);
    expect(asked.slice(before, before + 2)).toEqual(["one", "two"]);
    await until(client, id, "completed");
    await server.close();
  });
});

describe("a server that ends", () => {
  const questions = Array.from({ length: 30 }, (_, i) => line(`q${i}`, `${i}`));

  test("leaves a batch to the next one, which asks nothing again that was answered, nor trusts half a line", async () => {
    const [first, second] = [echo(), echo()];
    const one = fake(first.say, { home });
    const id = await submitted(clientOf(one), questions);
    while (first.asked.length < 10) await new Promise(setImmediate);
    await one.close();
    const answered = first.asked.length - 1;
    appendFileSync(join(home, "serve", "batches", `${id}.jsonl`), '{"id":"batch_req_x","custom_id":"q29","respo');

    const two = fake(second.say, { home });
    await two.begin();
    const client = clientOf(two);
    const { output_file_id, request_counts } = await until(client, id, "completed");
    expect(request_counts).toEqual({ total: 30, completed: 30, failed: 0 });
    expect((await linesOf(client, output_file_id)).map(({ custom_id }) => custom_id)).toEqual(
      questions.map((_, i) => `q${i}`),
    );
    expect(second.asked.length).toBe(30 - answered);
    expect(readdirSync(join(home, "serve", "batches"))).toEqual([`${id}.json`]);
    await two.close();

    const three = fake(echo().say, { home });
    await three.begin();
    expect(await clientOf(three).batches.retrieve(id)).toMatchObject({ status: "completed", output_file_id });
    await three.close();
  });

  const folder = mkdtempSync(join(tmpdir(), "galago-serve-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("by SIGKILL loses nothing: the next process answers the rest, and each question has one answer", async () => {
    const babble = tinyModel(join(folder, "babble"));
    const words = ["--model", babble, "--threads", "1"];
    const lines = Array.from({ length: 24 }, (_, i) => line(`q${i}`, `${i}`, babble, { max_tokens: 60 }));
    const dying = await started(words, { GALAGO_HOME: home });
    const id = await submitted(new OpenAI({ baseURL: `${dying.address}/v1`, apiKey: "none" }), lines);
    const written = join(home, "serve", "batches", `${id}.jsonl`);
    while (!existsSync(written)) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(await dying.stop("SIGKILL")).toBe("SIGKILL");

    const server = await started(words, { GALAGO_HOME: home });
    const client = new OpenAI({ baseURL: `${server.address}/v1`, apiKey: "none" });
    const { output_file_id } = await until(client, id, "completed");
    const answers = await linesOf(client, output_file_id);
    expect(answers.map(({ custom_id }) => custom_id)).toEqual(lines.map((_, i) => `q${i}`));
    for (const { response } of answers) expect(response.body.usage.completion_tokens).toBe(60);
    expect(await server.stop()).toBe(130);
  });
});

describe("files", () => {
  test("are kept under ids of the server's making, and gone when they are deleted", async () => {
    const server = fake(echo().say, { home });
    const client = clientOf(server);
    const file = await client.files.create({
      file: await toFile(Buffer.from("text"), "../../etc/passwd"),
      purpose: "batch",
    });
    expect(file).toMatchObject({ bytes: 4, purpose: "batch", object: "file" });
    expect(file.id).toMatch(/^file-[0-9a-f-]{36}$/);
    expect(await (await client.files.content(file.id)).text()).toBe("text");
    expect(readdirSync(join(home, "serve", "files")).sort()).toEqual([`${file.id}.data`, `${file.id}.json`]);
    expect((await client.files.list()).data).toMatchObject([{ id: file.id }]);
    expect(await client.files.delete(file.id)).toMatchObject({ deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    expect(readdirSync(join(home, "serve", "files"))).toEqual([]);
    await server.close();
  });

  test("that a batch under way needs stay", async () => {
    const { asked, say } = echo();
    const server = fake(say, { home });
    const client = clientOf(server);
    const id = await submitted(
      client,
      Array.from({ length: 9 }, (_, i) => line(`q${i}`, `${i}`)),
    );
    while (asked.length === 0) await new Promise(setImmediate);
    const { input_file_id } = await client.batches.retrieve(id);
    await expect(client.files.delete(input_file_id)).rejects.toMatchObject({ status: 409 });
    await until(client, id, "completed");
    expect(await client.files.delete(input_file_id)).toMatchObject({ deleted: true });
    await server.close();
  });

  test.each(["/etc/passwd", "..%2f..%2fsecret", "file-../../x", "%2e%2e", "__proto__"])(
    "named %s there are not",
    async (id) => {
      const { app, close } = fake(echo().say, { home });
      for (const path of [`/v1/files/${id}`, `/v1/files/${id}/content`, `/v1/batches/${id}`])
        expect((await app.request(`http://localhost${path}`)).status).toBe(404);
      const body = JSON.stringify({ input_file_id: id, endpoint: "/v1/chat/completions", completion_window: "24h" });
      const headers = { "Content-Type": "application/json" };
      expect((await app.request("/v1/batches", { method: "POST", headers, body })).status).toBe(404);
      await close();
    },
  );

  test("belong to one server at a time, and to the next when it has ended", async () => {
    const [one, two] = [fake(echo().say, { home }), fake(echo().say, { home })];
    await one.app.request("/v1/files");
    expect((await two.app.request("/v1/files")).status).toBe(409);
    await one.close();
    while ((await two.app.request("/v1/files")).status !== 200) await new Promise(setImmediate);
    await two.close();
  });
});
