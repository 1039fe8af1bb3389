/** What Redis holds of batches: pages as BullMQ's jobs, the bytes of files that wait, and the list of each batch. */
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { RequestError } from "../errors.ts";
import type { AnswerOptions, AnswerRecord } from "../run/answer.ts";
import { sha256 } from "../run/sha256.ts";

/** A question about a page, as a worker takes it. `file` is the hash of the bytes, `pages` the page of a PDF. */
export interface PageJob {
  readonly file: string;
  readonly name: string;
  readonly pages?: string | undefined;
  readonly password?: string | undefined;
  readonly question: string;
  readonly options: AnswerOptions;
}

/** What lists and results call a page: its file, or `file.pdf#3`. */
export const sourceOf = ({ name, pages }: Pick<PageJob, "name" | "pages">): string =>
  pages === undefined ? name : `${name}#${pages}`;

/** Pages of one model, in the order in which they came. */
export type Pages = Queue<PageJob, AnswerRecord>;

/** An open store. */
export interface Store {
  readonly redis: Redis;
  /** Where it is, without passwords. */
  readonly address: string;
  pagesOf(model: string): Pages;
  close(): Promise<void>;
}

/** All keys begin so; BullMQ's with this and the model's name. */
export const prefix = "galago";

/** Files, answers and lists are kept for so long. */
export const keptSeconds = 604_800;

/** Milliseconds until a store that does not answer is given up, when it is opened; a connection that is lost later is made again. */
const patienceMs = 10_000;

/** Opens the store at an address as redis://user:password@host:6379/0. Throws RequestError where nothing answers. */
export async function openStore(url: string): Promise<Store> {
  const address = addressOf(url);
  let open = false;
  let last = "no answer";
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: patienceMs,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (open ? Math.min(200 * times, 5000) : null),
  });
  // Without a listener a lost connection would end the process; commands wait until it is there again.
  redis.on("error", (error) => {
    last = error.message;
  });
  await redis.connect().catch((error: Error) => {
    redis.disconnect();
    const why = /closed/i.test(error.message) ? last : error.message;
    throw new RequestError(
      `Redis at ${address}: ${why}; start it there, or name another with --redis or GALAGO_REDIS`,
      503,
    );
  });
  open = true;
  const queues = new Map<string, Pages>();
  return {
    redis,
    address,
    pagesOf(model) {
      const known = queues.get(model);
      if (known) return known;
      const queue: Pages = new Queue(queueOf(model), { connection: redis, prefix });
      queue.on("error", () => undefined);
      queues.set(model, queue);
      return queue;
    },
    async close() {
      for (const queue of queues.values()) await queue.close();
      redis.disconnect();
    },
  };
}

/** A model's queue; a colon would part BullMQ's keys. */
export const queueOf = (model: string): string => model.replaceAll(":", "_");

function addressOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !["redis:", "rediss:"].includes(parsed.protocol))
    throw new RequestError(`"${url.replace(/\/\/.*@/, "//")}" is no address of Redis; expected redis://HOST:PORT`);
  return `${parsed.protocol}//${parsed.host}${parsed.pathname === "/" ? "" : parsed.pathname}`;
}

/** A name for what is asked: the same for the same page, question, options and model, so that asking twice counts once. */
export const idOf = (model: string, { file, pages, question, options }: Omit<PageJob, "name">): string =>
  sha256(JSON.stringify([model, file, pages ?? null, question, sorted(options)])).slice(0, 40);

/** The same for objects that differ in the order of their keys alone. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]));
}
