/** `galago batch`: one question about every page of a folder, answered by workers on any number of machines. */
import { resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Batch, Page } from "../jobs/batch.ts";
import type { Outcome } from "../jobs/outcomes.ts";
import type { Results } from "../jobs/results.ts";
import type { Store } from "../jobs/store.ts";
import { readJson } from "../run/models.ts";
import { progressBar } from "./bar.ts";
import { type Command, jsonOption, modelOption, redisAt, redisOption, type Terminal } from "./command.ts";
import { columns, json, notice, write } from "./output.ts";
import { imagesIn } from "./sources.ts";
import { compression, scm, tiles, usageError, whole } from "./values.ts";

interface Options {
  readonly redis?: string;
  readonly out: string;
  readonly json?: boolean;
}

interface SubmitOptions extends Omit<Options, "out"> {
  readonly out?: string;
  readonly model: string;
  readonly question?: string;
  readonly schema?: string;
  readonly password?: string;
  readonly detach?: boolean;
  readonly maxTokens?: number;
  readonly tiles?: string;
  readonly scm?: number | "off";
  readonly compress?: string;
}

const outOption = {
  flags: "--out <file|folder/>",
  about: "where answers go: a file of JSON lines in the order of the pages, or a folder with a file for each",
};

const submitCommand: Command<SubmitOptions> = {
  name: "submit",
  about: "ask about every page of a folder, and write the answers; the same command goes on where it was interrupted",
  args: [{ name: "<folder>", about: "images and PDFs; or one PDF, or pages of it as file.pdf#1,3-5" }],
  options: [
    { flags: "--question <question>", about: "what is asked about each page" },
    { flags: "--schema <file>", about: "a JSON Schema that the answers are held to; needs no question" },
    outOption,
    { flags: "--detach", about: "do not wait for the answers; see galago batch collect" },
    modelOption,
    {
      flags: "--max-tokens <n>",
      about: "most tokens of an answer (default: the model's own, or 512)",
      parse: whole(1),
    },
    { flags: "--tiles <spec>", about: "how pages are cut, as msac, native:1..12, print:1..12 or single", parse: tiles },
    { flags: "--scm <ratio>", about: "the part of the detailed layer's tokens to keep, or off", parse: scm },
    { flags: "--compress <method:ratio>", about: "in place of --scm, as divprune:0.5 or off", parse: compression },
    { flags: "--password <password>", about: "of PDFs that are encrypted; it lies in Redis until they are answered" },
    redisOption,
    jsonOption,
  ],
  run: ([folder], options, terminal) => submit(folder, options, terminal),
};

const statusCommand: Command<Options> = {
  name: "status",
  about: "how far batches are",
  args: [{ name: "[batch]", about: "its name (default: all of the last week)" }],
  options: [redisOption, jsonOption],
  run: ([name], options, terminal) => stored(options.redis, (store) => status(store, name, options, terminal)),
};

const collectCommand: Command<Options> = {
  name: "collect",
  about: "wait for the answers of a batch and write them",
  args: [{ name: "<batch>", about: "its name, see galago batch status" }],
  options: [{ ...outOption, required: true }, redisOption, jsonOption],
  run: ([name], options, terminal) =>
    stored(options.redis, async (store) => {
      const [{ batchOf }, { resultsAt }] = await Promise.all([
        import("../jobs/batch.ts"),
        import("../jobs/results.ts"),
      ]);
      return collect(store, await batchOf(store, name), resultsAt(options.out), options, terminal);
    }),
};

/** The command as data. */
export const batch: Command = {
  name: "batch",
  about: "ask about every page of a folder, on any number of machines that run galago worker",
  usage: "<submit|status|collect> ...",
  args: [],
  options: [],
  commands: [submitCommand, statusCommand, collectCommand],
  run: async () => undefined,
};

async function submit(folder: string, options: SubmitOptions, terminal: Terminal): Promise<number | undefined> {
  const { redis, out, detach, model, question = "", schema: schemaFile, password, json: asJson, ...rest } = options;
  if (!question && schemaFile === undefined) throw usageError("expected --question, --schema or both");
  if (!out === !detach) throw usageError("expected --out, or --detach without it");
  const signal = terminal.interrupted();
  const schema = schemaFile === undefined ? undefined : (readJson(schemaFile) as object);
  return stored(redis, async (store) => {
    const [jobs, { resultsAt }] = await Promise.all([import("../jobs/batch.ts"), import("../jobs/results.ts")]);
    const results = out === undefined ? undefined : resultsAt(out);
    const pages = pagesIn(folder, terminal, signal, password);
    const batch = await jobs.submit(
      store,
      resolve(folder),
      { model, question, options: { ...rest, schema } },
      pages,
      results?.known,
    );
    const place = `batch ${batch.name}: ${batch.total} pages wait at ${store.address} for ${model}`;
    await notice(terminal, `galago: ${place}`);
    if ((await store.pagesOf(model).getWorkersCount()) === 0)
      await notice(terminal, `galago: nobody takes them yet; start galago worker --model ${model}, here or elsewhere`);
    if (results && out !== undefined) return collect(store, batch, results, { out, json: asJson }, terminal);
    await (asJson ? json(terminal, batch) : write(terminal.stdout, `${batch.name}\n`));
    return undefined;
  });
}

async function* pagesIn(
  folder: string,
  terminal: Terminal,
  signal: AbortSignal,
  password?: string,
): AsyncGenerator<Page> {
  for await (const { image, name, pages, password: own } of imagesIn(folder, terminal, password)) {
    signal.throwIfAborted();
    yield { name: name!, bytes: image as Uint8Array, pages, password: own };
  }
}

/** Waits for a batch and writes its answers; the status is 1 where some pages failed. */
async function collect(
  store: Store,
  batch: Batch,
  results: Results,
  { out, json: asJson }: Options,
  terminal: Terminal,
): Promise<number | undefined> {
  const { outcomes } = await import("../jobs/outcomes.ts");
  const signal = terminal.interrupted();
  const counts = { total: batch.total, done: 0, failed: 0 };
  const each = (outcome: Outcome): void => {
    counts["error" in outcome ? "failed" : "done"]++;
  };
  const shown = progress(store, batch, results, terminal);
  try {
    await results.write(outcomes(store, batch, results.known, signal), each);
  } finally {
    await shown.stop();
    if (signal.aborted) await notice(terminal, "galago: the workers go on; the same command fetches what they answer");
  }
  const summary = { batch: batch.name, out, ...counts };
  await (asJson
    ? json(terminal, summary)
    : write(terminal.stdout, `${out}: ${counts.done} of ${counts.total} pages\n`));
  if (counts.failed === 0) return undefined;
  await notice(
    terminal,
    `galago: ${counts.failed} pages failed, their lines say why; galago batch submit tries them again`,
  );
  return 1;
}

/** A bar of how many pages have ended, where somebody sees it. */
function progress(store: Store, batch: Batch, { known }: Results, terminal: Terminal): { stop(): Promise<void> } {
  const bar = progressBar(terminal, "{bar} {value}/{total} pages · {failed} failed · {eta_formatted} left");
  if (!bar) return { stop: async () => undefined };
  const over = new AbortController();
  bar.start(batch.total, 0, { failed: 0 });
  const watching = (async () => {
    const { countsOf } = await import("../jobs/batch.ts");
    while (!over.signal.aborted) {
      const { done, failed } = await countsOf(store, batch, known);
      bar.update(done + failed, { failed });
      await setTimeout(1000, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      over.abort();
      await watching.finally(() => bar.stop());
    },
  };
}

async function status(store: Store, name: string | undefined, options: Options, terminal: Terminal): Promise<void> {
  const { batches, batchOf, countsOf } = await import("../jobs/batch.ts");
  const list = name === undefined ? await batches(store) : [await batchOf(store, name)];
  const all = await Promise.all(list.map(async (batch) => ({ ...batch, ...(await countsOf(store, batch)) })));
  if (options.json) return json(terminal, name === undefined ? all : all[0]);
  const lines = all.map(({ name, model, question, total, done, failed, created }) => [
    name,
    model,
    `${done} of ${total}`,
    String(failed),
    created.slice(0, 16).replace("T", " "),
    question,
  ]);
  return write(terminal.stdout, columns([["batch", "model", "done", "failed", "submitted", "question"], ...lines]));
}

/** Does something with the store, and closes it. */
async function stored<T>(url: string | undefined, does: (store: Store) => Promise<T>): Promise<T> {
  const { openStore } = await import("../jobs/store.ts");
  const store = await openStore(redisAt(url));
  try {
    return await does(store);
  } finally {
    await store.close();
  }
}
