/** The models of a server: each is opened when it is first asked for, and has a bounded queue. */
import PQueue from "p-queue";
import type { Galago } from "../run/load.ts";
import { ProtocolError } from "./errors.ts";

/** How many questions one model answers at once, and how many may wait. */
export interface Bounds {
  readonly batch: number;
  readonly queue: number;
}

/** A model for as long as one answer takes. */
interface Place {
  readonly model: Galago;
  leave(): void;
}

/** All models that may be asked. */
export interface Pool {
  readonly names: readonly string[];
  /** Whether a model is open. */
  loaded(name: string): boolean;
  /** Opens a model, if it is not open. Throws as `load`. */
  open(name: string): Promise<Galago>;
  /** A place at a model, when one is free; `leave` must follow. Throws ProtocolError 404 for a name that is not served, 429 where too many wait,
   *  503 once the pool is being closed. Who is `patient` comes after all others, and is not counted among those that wait. */
  take(name: string, signal: AbortSignal, patient?: boolean): Promise<Place>;
  /** Answers that run, and that wait for a place. */
  count(): { running: number; waiting: number };
  /** Waits for the answers that run and those that wait, then closes the models. */
  close(): Promise<void>;
}

/** That of a question for which somebody waits. */
const priority = 0;

/** A pool of these models. */
export function modelPool(
  names: readonly string[],
  load: (name: string) => Promise<Galago>,
  { batch, queue: most }: Bounds,
): Pool {
  let closing = false;
  const models = new Map(names.map((name) => [name, desk(() => load(name), batch)]));

  function known(name: string): Desk {
    const found = models.get(name);
    if (found) return found;
    const code = "model_not_found";
    throw new ProtocolError(404, `no model "${name}"; there are ${names.join(", ")}`, { param: "model", code });
  }

  return {
    names,
    loaded: (name) => known(name).loaded(),
    open: async (name) => known(name).open(),
    async take(name, signal, patient = false) {
      const desk = known(name);
      if (closing) throw new ProtocolError(503, "the server is shutting down; ask another");
      const size = desk.queue.sizeBy({ priority });
      const { pending } = desk.queue;
      if (!patient && size >= most && pending >= batch) throw full(size + pending, desk.seconds / batch);
      const { leave } = await seat(desk, { signal, priority: patient ? priority - 1 : priority });
      try {
        return { model: await desk.open(), leave };
      } catch (error) {
        leave();
        throw error;
      }
    },
    count() {
      const queues = [...models.values()].map(({ queue }) => queue);
      const sum = (of: (queue: PQueue) => number): number => queues.reduce((n, queue) => n + of(queue), 0);
      return { running: sum(({ pending }) => pending), waiting: sum(({ size }) => size) };
    },
    async close() {
      closing = true;
      for (const { queue, loaded, open } of models.values()) {
        await queue.onIdle();
        if (loaded()) await (await open()).close();
      }
    },
  };
}

/** One model and those who wait for it. */
interface Desk {
  readonly queue: PQueue;
  /** What an answer took of late. */
  seconds: number;
  loaded(): boolean;
  open(): Promise<Galago>;
}

function desk(load: () => Promise<Galago>, concurrency: number): Desk {
  let opening: Promise<Galago> | undefined;
  let loaded = false;
  return {
    queue: new PQueue({ concurrency }),
    seconds: 1,
    loaded: () => loaded,
    open() {
      opening ??= load().then(
        (model) => {
          loaded = true;
          return model;
        },
        (error: unknown) => {
          opening = undefined;
          throw error;
        },
      );
      return opening;
    },
  };
}

/** The queue runs what ends when the seat is left. */
const seat = (desk: Desk, options: { signal: AbortSignal; priority: number }): Promise<{ leave: () => void }> =>
  new Promise((taken, refused) => {
    const turn = () =>
      new Promise<void>((left) => {
        const begun = performance.now();
        const leave = (): void => {
          desk.seconds += ((performance.now() - begun) / 1000 - desk.seconds) / 8;
          left();
        };
        taken({ leave });
      });
    desk.queue.add(turn, options).catch(refused);
  });

function full(ahead: number, secondsEach: number): ProtocolError {
  const seconds = Math.max(1, Math.ceil(ahead * secondsEach));
  return new ProtocolError(429, `${ahead} questions are being answered or wait; ask again in ${seconds} s`, {
    code: "queue_full",
    headers: { "Retry-After": String(seconds) },
  });
}
