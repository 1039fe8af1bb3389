/** The thread that draws pages and cuts them into samples. */
import { parentPort, workerData } from "node:worker_threads";
import { feed } from "./feed.ts";
import type { Delivery, Order } from "./supply.ts";
import { tokens } from "./tokens.ts";

const sampleAt = feed(workerData, tokens(workerData).tokenizer);

parentPort!.on("message", async (order: Order) => {
  try {
    const sample = await sampleAt(order.phase, order.index);
    const delivery: Delivery = { ...order, sample };
    parentPort!.postMessage(delivery, [sample.tiles.buffer as ArrayBuffer, sample.dense.buffer as ArrayBuffer]);
  } catch (error) {
    parentPort!.postMessage({ ...order, error: (error as Error).message } satisfies Delivery);
  }
});
