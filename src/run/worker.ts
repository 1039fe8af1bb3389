/** The thread in which a model lives: it answers one question after the other, in the order in which they came. */
import { parentPort, workerData } from "node:worker_threads";
import { gated } from "./gate.ts";
import { type Model, openModel } from "./model.ts";
import { ortNode } from "./ort-node.ts";
import { type Reply, type Request, type Start, sent } from "./wire.ts";

const port = parentPort!;
const reply = (message: Reply): void => port.postMessage(message);
const { folder, options, gate } = workerData as Start;

/** Signals of the questions that are under way or waiting. */
const open = new Map<number, AbortController>();
let last: Promise<void> = Promise.resolve();

async function answer(model: Model, { id, question, options }: Request & { type: "ask" }): Promise<void> {
  const { signal } = open.get(id)!;
  try {
    signal.throwIfAborted();
    const pieces = model.answer(question, options, signal);
    for (;;) {
      const { done, value } = await pieces.next();
      reply(done ? { type: "done", id, record: value } : { type: "piece", id, text: value.text });
      if (done) return;
    }
  } catch (error) {
    reply({ type: "failed", id, error: sent(error) });
  } finally {
    open.delete(id);
  }
}

function listen(model: Model): void {
  port.on("message", (request: Request) => {
    if (request.type === "abort") open.get(request.id)?.abort();
    if (request.type === "ask") {
      open.set(request.id, new AbortController());
      last = last.then(() => answer(model, request));
    }
    if (request.type === "close") {
      for (const controller of open.values()) controller.abort();
      last = last.then(() => model.close()).then(() => port.close());
    }
  });
  reply({ type: "opened", id: 0 });
}

await openModel(folder, options, (engine) => gated(ortNode(engine), gate)).then(listen, (error: unknown) => {
  reply({ type: "failed", id: 0, error: sent(error) });
});
