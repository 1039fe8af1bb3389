/** `galago worker`: answers the pages that batches submit. */
import { once } from "node:events";
import {
  type Command,
  modelOption,
  precisionOption,
  redisAt,
  redisOption,
  type Terminal,
  threadsOption,
} from "./command.ts";
import { notice } from "./output.ts";
import { whole } from "./values.ts";

interface Options {
  readonly model: string;
  readonly redis?: string;
  readonly precision: string;
  readonly threads?: number;
  readonly batch: number;
  readonly silence: number;
}

/** The command as data. */
export const worker: Command<Options> = {
  name: "worker",
  about: "answer the pages that batches submit, until it is stopped; what it has begun it finishes",
  args: [],
  options: [
    modelOption,
    redisOption,
    precisionOption,
    threadsOption,
    { flags: "--batch <n>", about: "pages that are answered at once", parse: whole(1), default: 1 },
    {
      flags: "--silence <seconds>",
      about: "a page whose worker says nothing for so long is given to another",
      parse: whole(1),
      default: 30,
    },
  ],
  run,
};

async function run(_: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const [{ openStore }, { work }, { load }] = await Promise.all([
    import("../jobs/store.ts"),
    import("../jobs/work.ts"),
    import("../run/load.ts"),
  ]);
  const { model: name, redis, precision, threads, batch, silence } = options;
  const stop = terminal.interrupted();
  const store = await openStore(redisAt(redis));
  const counts = { done: 0, failed: 0 };
  let trouble = "";
  const onPage = (source: string, error?: Error): void => {
    counts[error ? "failed" : "done"]++;
    trouble = "";
    if (error) void notice(terminal, `galago: "${source}" failed: ${error.message}`);
  };
  // Every attempt to connect fails alike: it is told once.
  const onTrouble = ({ message }: Error): void => {
    if (message !== trouble) void notice(terminal, `galago: Redis at ${store.address}: ${message}; trying again`);
    trouble = message;
  };
  try {
    const model = await load(name, { precision, threads, batch });
    try {
      const working = work(store, name, model, { batch, silence, onPage, onTrouble });
      await notice(terminal, `galago: ${name} takes pages from ${store.address}`);
      if (!stop.aborted) await once(stop, "abort");
      await working.close();
    } finally {
      await model.close();
    }
  } finally {
    await store.close();
  }
  await notice(terminal, `galago: ${counts.done} pages answered, ${counts.failed} failed`);
}
