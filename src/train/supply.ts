/** Samples made ahead of the step in worker threads, handed out in order. */
import { Worker } from "node:worker_threads";
import { EngineError } from "../errors.ts";
import type { TrainConfig } from "./config.ts";
import type { Supply } from "./loop.ts";
import type { Sample } from "./sample.ts";

/** What a worker is asked for, and what it answers. */
export interface Order {
  phase: number;
  index: number;
}
export type Delivery = Order & ({ sample: Sample } | { error: string });

/** Samples that are made before they are asked for. */
const ahead = 48;

/** A supply from `config.workers` threads that keeps the next samples ready. `close` ends the threads. */
export function supply(config: TrainConfig): Supply & { close(): Promise<void> } {
  const workers = Array.from(
    { length: config.workers },
    () => new Worker(new URL("./supply-worker.js", import.meta.url), { workerData: config }),
  );
  const orders = new Map<string, Order & { promise: Promise<Sample>; settle: (delivery: Delivery) => void }>();
  const nameOf = ({ phase, index }: Order): string => `${phase}:${index}`;
  for (const worker of workers) {
    worker.on("message", (delivery: Delivery) => orders.get(nameOf(delivery))?.settle(delivery));
    worker.on("error", (error) => {
      for (const { settle } of orders.values()) settle({ phase: 0, index: 0, error: error.message });
    });
  }
  const order = (wish: Order): Promise<Sample> => {
    const before = orders.get(nameOf(wish));
    if (before) return before.promise;
    let settle: (delivery: Delivery) => void = () => {};
    const promise = new Promise<Sample>((resolve, reject) => {
      settle = (d) => ("sample" in d ? resolve(d.sample) : reject(new EngineError(`sample ${wish.index}: ${d.error}`)));
    });
    // Nobody may be waiting yet when a sample made ahead fails; whoever takes it will see the error.
    promise.catch(() => {});
    orders.set(nameOf(wish), { ...wish, promise, settle });
    workers[wish.index % workers.length].postMessage(wish);
    return promise;
  };
  return {
    async take(phase, index) {
      for (let i = 0; i <= ahead; i++) order({ phase, index: index + i });
      const sample = await order({ phase, index });
      // Samples are taken in rising order: what lies before, or in another phase, will not be asked for again.
      for (const [name, made] of orders) if (made.phase !== phase || made.index <= index) orders.delete(name);
      return sample;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
