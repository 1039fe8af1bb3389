/** Batches and the queue in this process, with a model made up, around a Redis server of Debian's package. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EngineError, FormatError } from "../../src/errors.ts";
import { type BatchQuestion, batchOf, countsOf, type Page, submit } from "../../src/jobs/batch.ts";
import { type Outcome, outcomes } from "../../src/jobs/outcomes.ts";
import { idOf, openStore, prefix, queueOf, type Store } from "../../src/jobs/store.ts";
import { work } from "../../src/jobs/work.ts";
import type { AnswerRecord } from "../../src/run/answer.ts";
import type { Galago } from "../../src/run/load.ts";
import { hasRedis, type RedisServer, redisServer } from "../support/redis.ts";

const asked: BatchQuestion = { model: "made:up", question: "Which?", options: { maxTokens: 4 } };
const signal = new AbortController().signal;

async function* pages(...names: string[]): AsyncGenerator<Page> {
  for (const name of names) yield { name, bytes: Buffer.from(name.replace(/^copy of /, "")) };
}

/** A model that answers what `does` returns of the name of its image, or throws. */
function madeUp(does: (name: string) => string): Galago {
  return {
    // biome-ignore lint/correctness/useYield: it has no pieces
    async *chat([{ content }]) {
      const [{ name }] = content as unknown as { name: string }[];
      return { answer: does(name), images: [{ source: name }] } as unknown as AnswerRecord;
    },
    close: async () => undefined,
  };
}

test.each([
  ["another question", { ...asked, question: "Why?" }],
  ["another option", { ...asked, options: { maxTokens: 5 } }],
  ["another model", { ...asked, model: "other" }],
])("%s is another job", (_, other) => {
  const name = ({ model, ...rest }: BatchQuestion): string => idOf(model, { file: "f", ...rest });
  expect(name(other)).not.toBe(name(asked));
});

test("options in another order, or left open, are the same job", () => {
  const name = (options: object): string => idOf("m", { file: "f", question: "?", options });
  expect(name({ tiles: "single", schema: { a: 1, b: 2 } })).toBe(name({ schema: { b: 2, a: 1 }, tiles: "single" }));
  expect(name({ tiles: undefined })).toBe(name({}));
});

test.each([
  ["redis://me:secret@127.0.0.1:9", /^Redis at redis:\/\/127\.0\.0\.1:9: .*ECONNREFUSED.*; start it there, or name/],
  ["http://127.0.0.1", /^"http:\/\/127\.0\.0\.1" is no address of Redis; expected redis:\/\/HOST:PORT$/],
  ["nowhere", /^"nowhere" is no address of Redis/],
])("a store at %s is refused in a sentence", async (url, message) => {
  const error = await openStore(url).catch((error: Error) => error);
  expect(error).toMatchObject({ name: "RequestError", message: expect.stringMatching(message) });
  expect((error as Error).message).not.toContain("secret");
});

describe.skipIf(!hasRedis)("with redis-server", () => {
  let redis: RedisServer;
  let store: Store;
  const closing: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    redis = await redisServer();
    store = await openStore(redis.url);
  });
  afterEach(async () => {
    for (const { close } of closing.splice(0)) await close();
    await store.close();
    await redis.stop();
  });

  function working(does: (name: string) => string): string[] {
    const ended: string[] = [];
    const onPage = (source: string, error?: Error): void => void ended.push(`${source} ${error?.message ?? "ok"}`);
    closing.push(work(store, asked.model, madeUp(does), { batch: 1, silence: 5, onPage, onTrouble: console.error }));
    return ended;
  }

  async function all(name: string, known = new Map<string, Outcome>()): Promise<any[]> {
    const list: Outcome[] = [];
    for await (const outcome of outcomes(store, await batchOf(store, name), known, signal)) list.push(outcome);
    return list;
  }

  test("an attempt that fails for no fault of the page is made again, after longer and longer", async () => {
    const times: number[] = [];
    const { name } = await submit(store, "/a", asked, pages("x.png"));
    working(() => {
      times.push(performance.now());
      if (times.length < 3) throw new EngineError("out of memory");
      return "read";
    });
    expect(await all(name)).toMatchObject([{ source: "x.png", answer: "read" }]);
    expect(times).toHaveLength(3);
    expect(times[1] - times[0]).toBeGreaterThan(450);
    expect(times[2] - times[1]).toBeGreaterThan(950);
  });

  test("a page that is wrong fails at once; submitted again it is tried again, and the others are not", async () => {
    let mended = false;
    const ended = working((name) => {
      if (name === "bad.png" && !mended) throw new FormatError("no image");
      return "read";
    });
    const { name } = await submit(store, "/a", asked, pages("bad.png", "good.png"));
    expect(await all(name)).toMatchObject([{ source: "bad.png", error: "no image" }, { answer: "read" }]);
    mended = true;
    expect((await submit(store, "/a", asked, pages("bad.png", "good.png"))).name).toBe(name);
    expect(await all(name)).toMatchObject([{ source: "bad.png", answer: "read" }, { answer: "read" }]);
    expect(ended).toEqual(["bad.png no image", "good.png ok", "bad.png ok"]);
  });

  test("what is submitted twice, or shows the same, is asked once and told under each name", async () => {
    await submit(store, "/a", asked, pages("x.png", "copy of x.png", "y.png"));
    const { name, total } = await submit(store, "/a", asked, pages("x.png", "copy of x.png", "y.png"));
    expect(total).toBe(3);
    // The list that an autoscaler looks at.
    expect(await store.redis.llen(`${prefix}:${queueOf(asked.model)}:wait`)).toBe(2);
    expect(await countsOf(store, await batchOf(store, name))).toEqual({ total: 3, done: 0, failed: 0 });
    const ended = working((name) => name);
    const found = await all(name);
    expect(found.map(({ source, images }) => [source, images[0].source])).toEqual([
      ["x.png", "x.png"],
      ["copy of x.png", "copy of x.png"],
      ["y.png", "y.png"],
    ]);
    expect(ended).toHaveLength(2);
    expect(await countsOf(store, await batchOf(store, name))).toEqual({ total: 3, done: 3, failed: 0 });
  });

  test("answers that are at hand are told and not asked", async () => {
    const ended = working(() => "read");
    const first = await submit(store, "/a", asked, pages("x.png"));
    const known = new Map(
      (await all(first.name)).map((outcome) => [outcome.id, { ...outcome, answer: "from before" }]),
    );
    await store.redis.flushall();
    const second = await submit(store, "/a", asked, pages("x.png", "y.png"), known);
    expect((await all(second.name, known)).map(({ answer }) => answer)).toEqual(["from before", "read"]);
    expect(ended).toEqual(["x.png ok", "y.png ok"]);
  });

  test("the bytes of a file stay until the last of its pages is answered", async () => {
    const bytes = Buffer.from("a file");
    const two = async function* (): AsyncGenerator<Page> {
      for (const pages of ["1", "2"]) yield { name: "a.pdf", bytes, pages };
    };
    const { name } = await submit(store, "/a", asked, two());
    const files = () => store.redis.keys("galago-files:*");
    const left: number[] = [];
    expect(await files()).toHaveLength(2);
    working(() => {
      store.redis.keys("galago-files:*").then((keys) => left.push(keys.length));
      return "read";
    });
    expect((await all(name)).map(({ source }) => source)).toEqual(["a.pdf#1", "a.pdf#2"]);
    await expect.poll(files).toEqual([]);
    expect(left).toEqual([2, 2]);
  });

  test("a Redis without room says so, and what it took is kept", async () => {
    await store.redis.config("SET", "maxmemory", "6mb");
    const large = async function* (): AsyncGenerator<Page> {
      for (let i = 0; i < 40; i++) yield { name: `${i}.png`, bytes: Buffer.alloc(400_000, i) };
    };
    await expect(submit(store, "/a", asked, large())).rejects.toMatchObject({
      name: "RequestError",
      message: expect.stringMatching(/^Redis at redis:.* has no room for more pages; repeat the command when workers/),
    });
  });

  test("a page that Redis forgot is named", async () => {
    const { name } = await submit(store, "/a", asked, pages("x.png"));
    await store.pagesOf(asked.model).drain();
    await expect(all(name)).rejects.toThrow('Redis knows nothing of "x.png" any more; submit the batch again');
  });

  test("a batch of no such name is refused with those that there are", async () => {
    await expect(batchOf(store, "nil")).rejects.toThrow('no batch "nil"; there is none');
    const { name } = await submit(store, "/a", asked, pages("x.png"));
    await expect(batchOf(store, "nil")).rejects.toThrow(`no batch "nil"; there are ${name}`);
  });
});
