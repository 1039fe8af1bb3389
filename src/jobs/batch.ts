/** Batches: one question about many pages, submitted once however often that is tried. */
import { RequestError } from "../errors.ts";
import type { AnswerOptions } from "../run/answer.ts";
import { sha256 } from "../run/sha256.ts";
import { keepFile } from "./files.ts";
import { idOf, keptSeconds, type PageJob, type Pages, prefix, type Store, sourceOf } from "./store.ts";

/** What is asked about every page. */
export interface BatchQuestion {
  readonly model: string;
  readonly question: string;
  readonly options: AnswerOptions;
}

/** A page of a folder: the bytes of its file, and which page of a PDF is meant. */
export interface Page {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly pages?: string | undefined;
  readonly password?: string | undefined;
}

/** A batch as it is listed. */
export interface Batch {
  readonly name: string;
  readonly model: string;
  readonly question: string;
  readonly created: string;
  readonly total: number;
}

/** A page of a batch: where it came from, and the name of its job. */
export interface Entry {
  readonly source: string;
  readonly id: string;
}

/** How far a batch is. */
export interface Counts {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

/** Pages that go to Redis in one message. */
const chunk = 16;
/** An attempt that failed for no fault of the page is made again after 1, 2, 4, 8 seconds, give or take half. */
const trying = { attempts: 5, backoff: { type: "exponential", delay: 1000, jitter: 0.5 } };
const kept = { removeOnComplete: { age: keptSeconds }, removeOnFail: { age: keptSeconds } };

const batchKey = (name: string): string => `${prefix}-batch:${name}`;
const pagesKey = (name: string): string => `${prefix}-batch:${name}:pages`;
const batchesKey = `${prefix}-batches`;

/** Pages that were answered stay so; those that failed are tried again; the rest is added. `have` are jobs whose answers are at hand: they are listed and
 *  not asked. `folder` and the question name the batch. Throws RequestError (507) where Redis is full: what it has is kept. */
export async function submit(
  store: Store,
  folder: string,
  asked: BatchQuestion,
  pages: AsyncIterable<Page>,
  have: { has(id: string): boolean } = new Set(),
): Promise<Batch> {
  const { model, question, options } = asked;
  const name = sha256(JSON.stringify([folder, idOf(model, { file: "", question, options })])).slice(0, 12);
  const queue = store.pagesOf(model);
  const fresh = `${pagesKey(name)}:${process.pid}`;
  await store.redis.del(fresh);
  let total = 0;
  const add = async (list: readonly Asked[]): Promise<void> => {
    await enqueue(
      store,
      queue,
      list.filter(({ id }) => !have.has(id)),
    );
    const entries = list.map(({ job, id }) => JSON.stringify([sourceOf(job), id]));
    await store.redis
      .multi()
      .rpush(fresh, ...entries)
      .expire(fresh, keptSeconds)
      .exec();
    total += list.length;
  };
  const hashes = new WeakMap<Uint8Array, string>();
  for await (const list of chunks(pages)) {
    const jobs = list.map(({ name, bytes, pages, password }): Asked => {
      const file = hashes.get(bytes) ?? sha256(bytes);
      hashes.set(bytes, file);
      const job: PageJob = { file, name, pages, password, question, options };
      return { bytes, job, id: idOf(model, job) };
    });
    await add(jobs);
  }
  const batch: Batch = { name, model, question, created: new Date().toISOString(), total };
  await store.redis
    .multi()
    .rename(fresh, pagesKey(name))
    .set(batchKey(name), JSON.stringify(batch), "EX", keptSeconds)
    .zadd(batchesKey, Date.now(), name)
    .exec();
  return batch;
}

/** A page as it is asked about. */
interface Asked {
  readonly bytes: Uint8Array;
  readonly job: PageJob;
  readonly id: string;
}

async function enqueue(store: Store, queue: Pages, list: readonly Asked[]): Promise<void> {
  const states = await statesOf(
    store,
    queue,
    list.map(({ id }) => id),
  );
  const wanted = list.filter((_, i) => states[i] !== "completed");
  for (const [i, { id }] of list.entries()) if (states[i] === "failed") await queue.remove(id);
  for (const { job, bytes, id } of wanted) await keepFile(store, job.file, bytes, id);
  await queue.addBulk(
    wanted.map(({ id, job }) => ({ name: "page", data: job, opts: { jobId: id, ...trying, ...kept } })),
  );
}

/** Which jobs have ended, and how. */
export async function statesOf(
  { redis }: Store,
  queue: Pages,
  ids: readonly string[],
): Promise<("completed" | "failed" | undefined)[]> {
  if (ids.length === 0) return [];
  const [completed, failed] = await Promise.all(
    ["completed", "failed"].map((state) => redis.zmscore(queue.toKey(state), ...ids)),
  );
  return ids.map((_, i) => (completed[i] !== null ? "completed" : failed[i] !== null ? "failed" : undefined));
}

/** A batch by its name. Throws RequestError (404) with the names that there are. */
export async function batchOf(store: Store, name: string): Promise<Batch> {
  const found = await store.redis.get(batchKey(name));
  if (found) return JSON.parse(found) as Batch;
  const names = (await batches(store)).map((batch) => batch.name);
  throw new RequestError(`no batch "${name}"; there ${names.length ? `are ${names.join(", ")}` : "is none"}`, 404);
}

/** All batches, the latest first. */
export async function batches({ redis }: Store): Promise<Batch[]> {
  const names = await redis.zrange(batchesKey, 0, -1, "REV");
  const found = names.length ? await redis.mget(names.map(batchKey)) : [];
  const gone = names.filter((_, i) => found[i] === null);
  if (gone.length) await redis.zrem(batchesKey, ...gone);
  return found.flatMap((text) => (text === null ? [] : [JSON.parse(text) as Batch]));
}

/** The pages of a batch from the `from`-th on, so many at a time. */
export async function* entriesOf({ redis }: Store, { name }: Batch, from = 0, many = 1000): AsyncGenerator<Entry[]> {
  for (let at = from; ; at += many) {
    const texts = await redis.lrange(pagesKey(name), at, at + many - 1);
    if (texts.length === 0) return;
    yield texts.map((text) => {
      const [source, id] = JSON.parse(text) as [string, string];
      return { source, id };
    });
  }
}

/** How far a batch is; `have` as in `submit`. */
export async function countsOf(
  store: Store,
  batch: Batch,
  have: { has(id: string): boolean } = new Set(),
): Promise<Counts> {
  const queue = store.pagesOf(batch.model);
  const counts = { total: batch.total, done: 0, failed: 0 };
  for await (const entries of entriesOf(store, batch)) {
    const states = await statesOf(
      store,
      queue,
      entries.map(({ id }) => id),
    );
    for (const [i, { id }] of entries.entries()) {
      if (have.has(id) || states[i] === "completed") counts.done++;
      else if (states[i] === "failed") counts.failed++;
    }
  }
  return counts;
}

async function* chunks<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let list: T[] = [];
  for await (const item of items) {
    list.push(item);
    if (list.length < chunk) continue;
    yield list;
    list = [];
  }
  if (list.length) yield list;
}
