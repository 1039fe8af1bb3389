/** What a server tells of itself: numbers, its description, its page. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fake } from "./fake.ts";

async function* hello() {
  yield "Hello";
}

describe("the numbers", () => {
  /** Those that have a name, by it and its labels. */
  const numbers = async (app: ReturnType<typeof fake>["app"], headers = {}) => {
    const response = await app.request("/metrics", { headers });
    const lines = (await response.text()).split("\n").filter((line) => line && !line.startsWith("#"));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]),
    );
  };

  test("count answers by their status and tokens by their kind, under names that are served", async () => {
    const { app, ask } = fake(hello);
    for (const more of [
      {},
      { stream: true },
      { model: "invented" },
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "a" } }] }] },
    ])
      await (await ask(more)).text();
    expect(await numbers(app)).toMatchObject({
      'galago_answers_total{model="fake",status="200"}': 2,
      'galago_answers_total{model="",status="404"}': 1,
      'galago_answers_total{model="fake",status="400"}': 1,
      'galago_tokens_total{model="fake",kind="prompt"}': 6,
      'galago_tokens_total{model="fake",kind="cached"}': 2,
      'galago_tokens_total{model="fake",kind="completion"}': 4,
      'galago_time_to_first_token_seconds_count{model="fake"}': 2,
      'galago_tokens_per_second_sum{model="fake"}': 200,
    });
  });

  test("tell the queue and the memory of now", async () => {
    const ends: (() => void)[] = [];
    const { app, ask } = fake(async function* () {
      await new Promise<void>((end) => ends.push(end));
      yield "a";
    });
    const answers = [ask(), ask(), ask()];
    await new Promise((resolve) => setTimeout(resolve, 5));
    const found = await numbers(app);
    expect(found).toMatchObject({ galago_queue_length: 2, galago_answers_running: 1 });
    expect(Math.abs(found.process_resident_memory_bytes - process.memoryUsage.rss())).toBeLessThan(50e6);
    for (const answer of answers) {
      while (ends.length === 0) await new Promise(setImmediate);
      ends.pop()!();
      await answer;
    }
    expect(await numbers(app)).toMatchObject({ galago_queue_length: 0, galago_answers_running: 0 });
  });

  test("are for who has a key, as questions are; health is for everyone", async () => {
    const { app } = fake(hello, { apiKeys: ["key"] });
    expect((await app.request("/metrics")).status).toBe(401);
    expect(Object.keys(await numbers(app, { Authorization: "Bearer key" })).length).toBeGreaterThan(3);
    expect((await app.request("/health")).status).toBe(200);
  });
});

describe("the description", () => {
  const { app } = fake(hello);

  test("has every route there is, and what a question may hold", async () => {
    const { paths } = (await (await app.request("/openapi.json")).json()) as any;
    const own = ["/", "/docs", "/docs.css", "/openapi.json"];
    const routes = app.routes.filter(({ method, path }) => method !== "ALL" && !own.includes(path));
    expect(Object.keys(paths).sort()).toEqual(
      [...new Set(routes.map(({ path }) => path.replace(/:(\w+)/g, "{$1}")))].sort(),
    );
    const { properties } = paths["/v1/chat/completions"].post.requestBody.content["application/json"].schema;
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(["messages", "stream", "max_tokens", "galago"]));
    expect(properties.galago.properties.tiles.description).toContain("how images are cut");
  });

  test("is a page that names all of it and loads nothing from elsewhere", async () => {
    const response = await app.request("/docs");
    expect(response.headers.get("Content-Type")).toContain("text/html");
    const text = await response.text();
    const { paths } = (await (await app.request("/openapi.json")).json()) as any;
    for (const path of Object.keys(paths)) expect(text).toContain(path);
    for (const key of ["image_url", "max_completion_tokens", "skip_blank"])
      expect(text).toContain(`<code>${key}</code>`);
    expect(text).not.toMatch(/<script|<style| style=|https?:|&lt;/);
    const loaded = [...text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path);
    for (const path of loaded) expect((await app.request(path)).status).toBe(200);
  });
});

describe("the page", () => {
  const folder = mkdtempSync(join(tmpdir(), "galago-page-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "secret.txt"), "secret");
  const root = join(folder, "page");
  mkdirSync(join(root, "assets"), { recursive: true });
  writeFileSync(join(root, "index.html"), "<h1>Galago</h1>");
  writeFileSync(join(root, "assets", "main-1a2b.js"), "1;");
  symlinkSync(join(folder, "secret.txt"), join(root, "link.txt"));
  const { app } = fake(hello, { page: root, apiKeys: ["key"] });

  test.each([
    ["/", "text/html", "no-cache", "<h1>Galago</h1>"],
    ["/assets/main-1a2b.js", "text/javascript", "public, max-age=31536000, immutable", "1;"],
  ])("has %s", async (path, type, cached, text) => {
    const response = await app.request(path);
    expect(response.headers.get("Content-Type")).toContain(type);
    expect(response.headers.get("Cache-Control")).toBe(cached);
    expect(await response.text()).toBe(text);
  });

  test.each([
    "/link.txt",
    "/later.txt",
    "/secret.txt",
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/%2e%2e/%2e%2e/secret.txt",
    "/assets",
    "//etc/passwd",
  ])("does not have %s", async (path) => {
    writeFileSync(join(root, "later.txt"), "made after the start");
    expect((await app.request(`http://localhost${path}`)).status).toBe(404);
  });

  test("that is not built says how to build it", async () => {
    const { app } = fake(hello, { page: join(folder, "none") });
    expect(await (await app.request("/")).text()).toContain("npm run build");
  });
});
