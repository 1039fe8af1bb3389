/** `galago serve`: an OpenAI-compatible server on this machine. */
import { once } from "node:events";
import type { Server } from "node:http";
import { isIPv6 } from "node:net";
import { RequestError } from "../errors.ts";
import { type Command, precisionOption, type Terminal, threadsOption } from "./command.ts";
import { notice } from "./output.ts";
import { usageError, whole } from "./values.ts";

interface Options {
  readonly model?: string[];
  readonly host: string;
  readonly port: number;
  readonly apiKey?: string[];
  readonly precision: string;
  readonly threads?: number;
  readonly batch: number;
  readonly queue: number;
  readonly deadline: number;
  readonly maxBody: number;
  readonly allowRemoteImages?: boolean;
  readonly origin?: string[];
  readonly logContent?: boolean;
}

/** The command as data. */
export const serve: Command<Options> = {
  name: "serve",
  about: "answer OpenAI's clients, on this machine",
  args: [],
  options: [
    {
      flags: "--model <model...>",
      about: "what may be asked; the first is opened at once (default: nano, then every other on this machine)",
    },
    { flags: "--host <host>", about: "the address to listen at; 0.0.0.0 is everyone's", default: "127.0.0.1" },
    { flags: "--port <n>", about: "the port to listen at; 0 takes a free one", parse: whole(0), default: 8080 },
    {
      flags: "--api-key <key...>",
      about: "who sends one of these may ask, as one of GALAGO_API_KEYS, split by commas (default: anyone)",
    },
    precisionOption,
    threadsOption,
    { flags: "--batch <n>", about: "answers that a model writes at once", parse: whole(1), default: 4 },
    { flags: "--queue <n>", about: "questions to a model that may wait; more get 429", parse: whole(0), default: 64 },
    { flags: "--deadline <seconds>", about: "most seconds of an answer", parse: whole(1), default: 600 },
    { flags: "--max-body <MB>", about: "most megabytes of a request", parse: whole(1), default: 32 },
    {
      flags: "--allow-remote-images",
      about: "fetch images at addresses of the web, never of this machine or its network",
    },
    { flags: "--origin <origin...>", about: "sites whose pages may ask, as https://example.com", parse: origin },
    { flags: "--log-content", about: "log what is asked and answered, too" },
  ],
  run,
};

async function run(_: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const [{ createAdaptorServer }, { server }, { serverLog }, { modelPool }, { load }, { galagoHome, shelved }] =
    await Promise.all([
      import("@hono/node-server"),
      import("../serve/app.ts"),
      import("../serve/log.ts"),
      import("../serve/pool.ts"),
      import("../run/load.ts"),
      import("../run/shelves.ts"),
    ]);
  const { host, port, precision, threads, batch, queue, deadline, maxBody } = options;
  const stop = terminal.interrupted();
  const names = options.model ?? ["nano", ...shelved().flatMap(({ name }) => (name === "nano" ? [] : [name]))];
  const pool = modelPool(names, (name) => load(name, { precision, threads, batch }), { batch, queue });
  const { app, begin, close } = server(pool, {
    apiKeys: [...(options.apiKey ?? []), ...(process.env.GALAGO_API_KEYS ?? "").split(",").filter(Boolean)],
    origins: options.origin ?? [],
    alone: host === "localhost" || host === "::1" || host.startsWith("127."),
    remote: options.allowRemoteImages ?? false,
    maxBody: maxBody * 1e6,
    home: galagoHome(),
    deadline,
    precision,
    ready: () => !stop.aborted && pool.loaded(names[0]),
    ...serverLog(terminal.stderr, options.logContent ?? false),
  });
  const http = createAdaptorServer({ fetch: app.fetch }) as Server;
  try {
    await listening(http.listen(port, host));
    await pool.open(names[0]);
    await begin().catch((error: Error) => notice(terminal, `galago: no batches here: ${error.message}`));
    const { port: own } = http.address() as { port: number };
    const address = `http://${isIPv6(host) ? `[${host}]` : host}:${own}`;
    await notice(terminal, `galago: ${names[0]} answers at ${address}`);
    if (!stop.aborted) await once(stop, "abort");
  } finally {
    // What runs is finished, what waits as well; nothing new begins.
    http.close();
    await close();
    http.closeIdleConnections();
  }
}

async function listening(http: Server): Promise<void> {
  await once(http, "listening").catch(({ code, address, port, message }) => {
    if (code !== "EADDRINUSE") throw new RequestError(`${message}; see --host and --port`);
    throw new RequestError(`port ${port} of ${address} is in use; choose another with --port`);
  });
}

/** A site, and those named before it. */
function origin(words: string, before: readonly string[] = []): string[] {
  if (URL.canParse(words) && new URL(words).origin === words) return [...before, words];
  throw usageError(`"${words}" is no origin, expected https://example.com or http://localhost:3000`);
}
