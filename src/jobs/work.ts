/** A worker: takes pages of one model's queue, answers them, and gives back what it could not. */
import { UnrecoverableError, Worker } from "bullmq";
import { FormatError, RequestError } from "../errors.ts";
import type { AnswerRecord } from "../run/answer.ts";
import type { ChatPart } from "../run/chat.ts";
import type { Galago } from "../run/load.ts";
import { fileOf, leaveFile } from "./files.ts";
import { type PageJob, prefix, queueOf, type Store, sourceOf } from "./store.ts";

/** How a worker takes pages. */
export interface WorkOptions {
  /** Pages that are answered at once. */
  readonly batch: number;
  /** Seconds of silence after which another worker takes the page. */
  readonly silence: number;
  /** Hears of each page that ended. */
  readonly onPage: (source: string, error?: Error) => void;
  /** Hears what is wrong with the connection, which is made again. */
  readonly onTrouble: (error: Error) => void;
}

/** Times that a page may fall silent before it is given up: pages that kill their workers must not kill them all. */
const mostSilences = 3;

/** Takes pages until it is closed, which waits for those that are under way. */
export function work(store: Store, name: string, model: Galago, options: WorkOptions): { close(): Promise<void> } {
  const { batch, silence, onPage, onTrouble } = options;
  const worker = new Worker<PageJob, AnswerRecord>(
    queueOf(name),
    async ({ data }) => answer(store, model, data).catch(hopeless),
    {
      connection: store.redis,
      prefix,
      concurrency: batch,
      lockDuration: silence * 1000,
      stalledInterval: (silence * 1000) / 2,
      maxStalledCount: mostSilences,
    },
  );
  const leave = (job: { id?: string | undefined; data: PageJob }): void => {
    leaveFile(store, job.data.file, job.id!).catch(onTrouble);
  };
  worker.on("completed", (job) => {
    leave(job);
    onPage(sourceOf(job.data));
  });
  worker.on("failed", (job, error) => {
    // A page that fell silent too often fails without having been here.
    if (!job?.finishedOn) return;
    leave(job);
    onPage(sourceOf(job.data), error);
  });
  worker.on("error", onTrouble);
  return { close: () => worker.close() };
}

async function answer(store: Store, model: Galago, job: PageJob): Promise<AnswerRecord> {
  const { file, name, pages, password, question, options } = job;
  const image = await fileOf(store, file, name);
  const content: ChatPart[] = [{ type: "image", image, name, pages, password }];
  if (question) content.push({ type: "text", text: question });
  const pieces = model.chat([{ role: "user", content }], options);
  for (;;) {
    const { done, value } = await pieces.next();
    if (done) return value;
  }
}

/** What is wrong with the page or the question stays wrong, however often it is tried. */
function hopeless(error: unknown): never {
  if (error instanceof FormatError || error instanceof RequestError) throw new UnrecoverableError(error.message);
  throw error;
}
