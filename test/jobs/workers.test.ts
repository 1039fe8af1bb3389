/** Batches and workers as processes, around a Redis server of Debian's package. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { batchOf, entriesOf } from "../../src/jobs/batch.ts";
import { openStore, type Store } from "../../src/jobs/store.ts";
import { built } from "../support/built.ts";
import { pdf } from "../support/pdf.ts";
import { hasRedis, type RedisServer, redisServer } from "../support/redis.ts";
import { wideModel } from "../support/tiny-model.ts";
import { golden } from "../vision/golden.ts";

describe.skipIf(!hasRedis)("with redis-server", () => {
  const home = mkdtempSync(join(tmpdir(), "galago-jobs-"));
  const folder = join(home, "pages");
  const out = join(home, "answers.jsonl");
  const model = wideModel(join(home, "wide"));
  const question = "What is written here?";
  const children: ChildProcess[] = [];
  let redis: RedisServer;
  let store: Store;

  beforeAll(async () => {
    redis = await redisServer();
    store = await openStore(redis.url);
    mkdirSync(folder);
    const lines = Array.from({ length: 12 }, (_, i) => `BT /F1 20 Tf 10 60 Td (page ${i + 1}) Tj ET`);
    writeFileSync(join(folder, "a.pdf"), pdf(lines));
    const image = fileURLToPath(golden("resize/noise_33x47.png"));
    copyFileSync(image, join(folder, "b.png"));
    copyFileSync(image, join(folder, "same as b.png"));
    writeFileSync(join(folder, "cut.png"), readFileSync(image).subarray(0, 200));
    writeFileSync(join(folder, "cut.pdf"), pdf(lines).subarray(0, 60));
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await store.close();
    await redis.stop();
    rmSync(home, { recursive: true });
  });

  interface Run {
    readonly child: ChildProcess;
    readonly ended: Promise<{ status: number | string; stdout: string; stderr: string }>;
    /** Waits until a line on stderr has these words. */
    said(words: string): Promise<void>;
  }

  function galago(...words: string[]): Run {
    const env = { ...process.env, GALAGO_REDIS: redis.url };
    const child = fork(fileURLToPath(built("cli/main.js")), words, { silent: true, env });
    children.push(child);
    const texts = { stdout: "", stderr: "" };
    child.stdout!.on("data", (piece) => (texts.stdout += piece));
    const lines = createInterface({ input: child.stderr! });
    lines.on("line", (line) => (texts.stderr += `${line}\n`));
    const ended = once(child, "close").then(([status, signal]) => ({ status: status ?? signal, ...texts }));
    return {
      child,
      ended,
      async said(words) {
        while (!texts.stderr.includes(words))
          await Promise.race([once(lines, "line"), ended.then(() => Promise.reject(new Error(texts.stderr)))]);
      },
    };
  }
  async function worker(): Promise<Run> {
    const run = galago("worker", "--model", model, "--threads", "1", "--silence", "4");
    await run.said("takes pages from");
    return run;
  }
  const submit = (...words: string[]): Run =>
    galago("batch", "submit", folder, "--question", question, "--model", model, "--max-tokens", "24", ...words);
  const queue = () => store.pagesOf(model);
  const linesOf = (text: string): any[] =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  const pages = [
    ...Array.from({ length: 12 }, (_, i) => `a.pdf#${i + 1}`),
    "b.png",
    "cut.pdf",
    "cut.png",
    "same as b.png",
  ].map((name) => join(folder, name));

  test("a worker that is killed in the middle of a page loses nothing: every page is answered once, in order, as ask answers it", {
    timeout: 180_000,
  }, async () => {
    const [victim, second, third] = await Promise.all([worker(), worker(), worker()]);
    const submitted = submit("--out", out, "--json");
    await submitted.said("pages wait");
    while ((await queue().getActiveCount()) < 3) await setTimeout(20);
    victim.child.kill("SIGKILL");
    const { status, stdout, stderr } = await submitted.ended;
    expect([status, JSON.parse(stdout)]).toMatchObject([1, { total: 16, done: 14, failed: 2 }]);
    expect(stderr).toContain("2 pages failed, their lines say why");

    const lines = linesOf(readFileSync(out, "utf8"));
    expect(lines.map(({ source }) => source)).toEqual(pages);
    const answered = lines.filter(({ error }) => !error);
    expect(answered.every(({ source, images }) => images[0].source === source)).toBe(true);
    expect(lines.filter(({ error }) => error).map(({ error }) => error)).toEqual([
      expect.stringMatching(/cut\.pdf": cannot be opened as a PDF/),
      expect.stringMatching(/cut\.png": damaged or cut short/),
    ]);
    const asked = galago("ask", join(folder, "a.pdf#7"), question, "--model", model, "--max-tokens", "24", "--json");
    const record = JSON.parse((await asked.ended).stdout);
    expect(lines[6]).toMatchObject({ answer: record.answer, log_probability: record.log_probability });

    // Pages that show the same are one job; one was taken from the dead worker, none was answered twice.
    const jobs = await queue().getCompleted(0, -1);
    expect(jobs).toHaveLength(13);
    expect(jobs.map(({ stalledCounter }) => stalledCounter).sort()).toEqual([...Array(12).fill(0), 1]);
    for (const { child, ended } of [second, third]) {
      child.kill("SIGTERM");
      expect((await ended).status).toBe(143);
    }
    const counted = [second, third].map(async ({ ended }) =>
      Number(/(\d+) pages answered/.exec((await ended).stderr)![1]),
    );
    const [two, three] = await Promise.all(counted);
    expect(two + three).toBeLessThanOrEqual(13);
    expect(await store.redis.keys("galago-files:*")).toEqual([]);
  });

  test("the same command asks nothing again but what failed", { timeout: 120_000 }, async () => {
    const before = readFileSync(out, "utf8");
    copyFileSync(join(folder, "b.png"), join(folder, "cut.png"));
    rmSync(join(folder, "cut.pdf"));
    const taken = await worker();
    const { status, stdout } = await submit("--out", out).ended;
    expect([status, stdout]).toEqual([0, `${out}: 15 of 15 pages\n`]);
    taken.child.kill("SIGTERM");
    expect((await taken.ended).stderr).toContain("0 pages answered, 0 failed");
    const after = linesOf(readFileSync(out, "utf8"));
    expect(after.filter(({ source }) => !source.includes("cut"))).toEqual(
      linesOf(before).filter(({ source }) => !source.includes("cut")),
    );
  });

  test("without its file and without Redis' memory of it the answers come from where they were written", {
    timeout: 120_000,
  }, async () => {
    rmSync(out);
    const [{ name }] = linesOf((await galago("batch", "status", "--json").ended).stdout)[0];
    const pieces = join(home, "answers/");
    expect((await galago("batch", "collect", name, "--out", pieces).ended).status).toBe(0);
    expect(readdirSync(pieces).sort()).toEqual(
      pages
        .filter((page) => !page.endsWith("cut.pdf"))
        .map((page) => `${page.slice(folder.length + 1)}.json`)
        .sort(),
    );
    await store.redis.flushall();
    const { status, stdout } = await submit("--out", pieces).ended;
    expect([status, stdout]).toEqual([0, `${pieces}: 15 of 15 pages\n`]);
    expect(await queue().getWaitingCount()).toBe(0);
    await store.redis.flushall();
  });

  test("SIGTERM lets a worker finish its page; what waits is left to others", { timeout: 120_000 }, async () => {
    const { stdout } = await submit("--detach").ended;
    const only = await worker();
    while ((await queue().getActiveCount()) < 1) await setTimeout(10);
    only.child.kill("SIGTERM");
    const { status, stderr } = await only.ended;
    expect(status).toBe(143);
    const done = Number(/(\d+) pages answered, 0 failed/.exec(stderr)![1]);
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(13);
    expect(await queue().getActiveCount()).toBe(0);
    const { stdout: status2 } = await galago("batch", "status", stdout.trim(), "--json").ended;
    expect(JSON.parse(status2)).toMatchObject({ total: 15, failed: 0, question, model });
    expect(await queue().getCompletedCount()).toBe(done);

    // Ctrl-C leaves no half-written file, and the workers' answers are fetched later.
    const following = submit("--out", out);
    await following.said("pages wait");
    following.child.kill("SIGINT");
    expect(await following.ended).toMatchObject({ status: 130, stderr: expect.stringContaining("the workers go on") });
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(home).filter((name) => name.endsWith(".part"))).toEqual([]);
    const last = await worker();
    expect((await galago("batch", "collect", stdout.trim(), "--out", out).ended).status).toBe(0);
    expect(linesOf(readFileSync(out, "utf8"))).toHaveLength(15);
    last.child.kill("SIGKILL");
  });

  test("pages of one PDF are a batch, too", { timeout: 120_000 }, async () => {
    const part = `${join(folder, "a.pdf")}#1,3-5`;
    const words = ["batch", "submit", part, "--question", question, "--model", model, "--detach"];
    const { stdout } = await galago(...words).ended;
    const sources: string[] = [];
    for await (const entries of entriesOf(store, await batchOf(store, stdout.trim())))
      sources.push(...entries.map(({ source }) => source));
    expect(sources).toEqual([1, 3, 4, 5].map((number) => `${join(folder, "a.pdf")}#${number}`));
  });

  test("--schema holds every answer to it", { timeout: 120_000 }, async () => {
    await store.redis.flushall();
    const schema = join(home, "schema.json");
    writeFileSync(
      schema,
      JSON.stringify({ type: "object", properties: { total: { type: "number" } }, required: ["total"] }),
    );
    const few = join(home, "few");
    mkdirSync(few);
    copyFileSync(join(folder, "b.png"), join(few, "b.png"));
    const run = galago("batch", "submit", few, "--schema", schema, "--out", out, "--model", model);
    const only = await worker();
    expect(await run.ended).toMatchObject({ status: 0 });
    const [{ answer, fields, error }] = linesOf(readFileSync(out, "utf8"));
    expect([typeof JSON.parse(answer).total, fields?.[0].path, error]).toEqual(["number", "/total", undefined]);
    only.child.kill("SIGKILL");
  });
});

test.each([
  [["submit", "pages", "--out", "x"], 2, "expected --question, --schema or both; see galago batch --help"],
  [["submit", "pages", "--question", "?"], 2, "expected --out, or --detach without it; see galago batch --help"],
  [["submit", "pages", "--question", "?", "--out", "x", "--redis", "tcp://a"], 1, '"tcp://a" is no address of Redis'],
  [["status", "--redis", "redis://127.0.0.1:9"], 1, "start it there, or name another with --redis or GALAGO_REDIS"],
  [["collect", "name"], 2, "--out <file|folder/>"],
])("galago batch %j ends in a line", async (words, status, line) => {
  const child = fork(fileURLToPath(built("cli/main.js")), ["batch", ...words], { silent: true });
  let stderr = "";
  child.stderr!.on("data", (piece) => (stderr += piece));
  expect((await once(child, "close"))[0]).toBe(status);
  expect(stderr).toContain(line);
  expect(stderr).toMatch(/^galago: [^\n]+\n$/);
});
