/** The thread that draws pages and cuts them into samples. */
import { parentPort, workerData } from "node:worker_threads";
import { sampleAt, tokenizerOf } from "./feed.ts";
import type { Delivery, Order } from "./supply.ts";

const tokenizer = tokenizerOf();

parentPort!.on("message", (order: Order) => {
  try {
    const sample = sampleAt(workerData, order.phase, order.index, tokenizer);
    const delivery: Delivery = { ...order, sample };
    parentPort!.postMessage(delivery, [sample.tiles.buffer as ArrayBuffer, sample.dense.buffer as ArrayBuffer]);
  } catch (error) {
    parentPort!.postMessage({ ...order, error: (error as Error).message } satisfies Delivery);
  }
});
