/** The thread in which a model lives: it begins to answer questions in the order in which they came, as many at once as it was opened for. */
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
/** Questions that wait, and how many are under way. */
const waiting: (Request & { type: "ask" })[] = [];
const most = options.batch ?? 1;
let under = 0;

/** Begins as many answers as may be at once; `idle` is called when there is nothing left to do. */
function begin(model: Model, idle: () => void): void {
  if (under === 0 && waiting.length === 0) idle();
  while (under < most && waiting.length > 0) {
    under++;
    answer(model, waiting.shift()!).then(() => {
      under--;
      begin(model, idle);
    });
  }
}

async function answer(model: Model, { id, question, options }: Request & { type: "ask" }): Promise<void> {
  const { signal } = open.get(id)!;
  try {
    signal.throwIfAborted();
    const pieces = model.answer(question, options, signal);
    for (;;) {
      const { done, value } = await pieces.next();
      reply(done ? { type: "done", id, record: value } : { type: "piece", id, piece: value });
      if (done) return;
    }
  } catch (error) {
    reply({ type: "failed", id, error: sent(error) });
  } finally {
    open.delete(id);
  }
}

function listen(model: Model): void {
  let closing = false;
  const idle = (): void => {
    if (!closing) return;
    closing = false;
    model.close().then(() => port.close());
  };
  port.on("message", (request: Request) => {
    if (request.type === "abort") open.get(request.id)?.abort();
    if (request.type === "ask") {
      open.set(request.id, new AbortController());
      waiting.push(request);
    }
    if (request.type === "close") {
      for (const controller of open.values()) controller.abort();
      closing = true;
    }
    begin(model, idle);
  });
  reply({ type: "opened", id: 0 });
}

await openModel(folder, options, (engine) => gated(ortNode(engine), gate)).then(listen, (error: unknown) => {
  reply({ type: "failed", id: 0, error: sent(error) });
});
