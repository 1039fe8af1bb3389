/** Batches: a file of questions answered while nobody else asks, line by line; a server that starts again goes on where the last one ended. */
import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import PQueue from "p-queue";
import { z } from "zod";
import { RequestError } from "../errors.ts";
import { writeWhole } from "../weights/whole.ts";
import { type Answerer, answering } from "./answering.ts";
import { completion } from "./completions.ts";
import { ProtocolError, refusal, unfit } from "./errors.ts";
import { chatRequest } from "./protocol.ts";
import { type FileStore, jsonIn, now } from "./store.ts";

type Status = "validating" | "in_progress" | "completed" | "failed" | "cancelled";

/** A batch, as OpenAI tells of it. */
interface Batch {
  readonly id: string;
  readonly object: "batch";
  readonly endpoint: string;
  readonly input_file_id: string;
  readonly completion_window: string;
  readonly metadata: unknown;
  readonly created_at: number;
  status: Status;
  in_progress_at: number | null;
  completed_at: number | null;
  failed_at: number | null;
  cancelled_at: number | null;
  errors: { object: "list"; data: { line: number; message: string }[] } | null;
  output_file_id: string | null;
  error_file_id: string | null;
  request_counts: { total: number; completed: number; failed: number };
}

/** All batches. */
export interface Batches {
  list(): Batch[];
  /** Throws ProtocolError (404). */
  get(id: string): Batch;
  add(inputFile: string, window: string, metadata: unknown): Batch;
  /** Ends a batch; what was answered stays. */
  cancel(id: string): Batch;
  /** Whether a batch that is under way needs a file. */
  needs(file: string): boolean;
  /** Stops; the next server goes on. */
  close(): Promise<void>;
}

/** Answers of one batch that are asked for at once: a model has so many places, others wait. */
const atOnce = 8;
const endpoint = "/v1/chat/completions";

const question = z.object({
  custom_id: z.string().min(1),
  method: z.literal("POST"),
  url: z.literal(endpoint),
  body: z.unknown(),
});
type Question = z.infer<typeof question>;

/** A line of a result. */
interface Told {
  readonly id: string;
  readonly custom_id: string;
  readonly response: { readonly status_code: number; readonly request_id: string; readonly body: unknown };
  readonly error: null;
}

/** The batches in a folder, which is made; those that are not finished are gone on with. */
export function batchesIn(
  folder: string,
  store: FileStore,
  answerer: Answerer,
  failed: (error: unknown) => void,
): Batches {
  mkdirSync(folder, { recursive: true });
  const patient: Answerer = { ...answerer, patient: true };
  const all = new Map(jsonIn<Batch>(folder).map((batch) => [batch.id, batch]));
  const queue = new PQueue({ concurrency: 1 });
  const closing = new AbortController();
  const running = new Map<string, AbortController>();
  const answersOf = (id: string): string => join(folder, `${id}.jsonl`);
  const save = (batch: Batch): void => writeWhole(join(folder, `${batch.id}.json`), JSON.stringify(batch));

  function begin(batch: Batch): void {
    const cancelled = new AbortController();
    running.set(batch.id, cancelled);
    const signal = AbortSignal.any([closing.signal, cancelled.signal]);
    queue
      .add(() => work(batch, signal))
      .catch((error: unknown) => {
        failed(error);
        if (!closing.signal.aborted) end(batch, "failed", [{ line: 0, message: refusal(error).body.error.message }]);
      })
      .finally(() => running.delete(batch.id));
  }

  async function work(batch: Batch, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return stopped(batch);
    const { questions, errors } = questionsIn((await store.read(batch.input_file_id)).toString("utf8"));
    if (errors.length) return end(batch, "failed", errors);
    const answers = answersIn(answersOf(batch.id));
    const counts = (): Batch["request_counts"] => {
      const good = [...answers.values()].filter(succeeded).length;
      return { total: questions.length, completed: good, failed: answers.size - good };
    };
    Object.assign(batch, { status: "in_progress", in_progress_at: batch.in_progress_at ?? now() });
    batch.request_counts = counts();
    save(batch);
    const places = new PQueue({ concurrency: atOnce });
    await places.addAll(
      questions
        .filter(({ custom_id }) => !answers.has(custom_id))
        .map((asked) => async () => {
          const told = await answered(asked, signal);
          // What was not answered is asked again.
          if (!told) return;
          appendFileSync(answersOf(batch.id), `${JSON.stringify(told)}\n`);
          answers.set(told.custom_id, told);
          batch.request_counts = counts();
        }),
    );
    if (closing.signal.aborted) return;
    const lines = questions.flatMap(({ custom_id }) => answers.get(custom_id) ?? []);
    batch.output_file_id = kept(lines.filter(succeeded), batch, "output");
    batch.error_file_id = kept(
      lines.filter((line) => !succeeded(line)),
      batch,
      "errors",
    );
    if (signal.aborted) return stopped(batch);
    end(batch, "completed");
  }

  /** The file of some lines. Its id is that of the batch: a server that ended while it wrote makes no second one. */
  function kept(lines: readonly Told[], { id }: Batch, what: string): string | null {
    if (lines.length === 0) return null;
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    return store.put(text, `${id}_${what}.jsonl`, "batch_output", `${id.replace("batch", "file")}-${what}`).id;
  }

  async function answered({ custom_id, body }: Question, signal: AbortSignal): Promise<Told | undefined> {
    const told = (status_code: number, body: unknown): Told => {
      const id = randomUUID();
      return { id: `batch_req_${id}`, custom_id, response: { status_code, request_id: id, body }, error: null };
    };
    try {
      const { data, error } = chatRequest.safeParse(body);
      if (!data) throw unfit(error);
      return told(200, await completion(answering(data, signal, patient)));
    } catch (error) {
      if (signal.aborted) return undefined;
      const { status, body } = refusal(error);
      if (status === 500) failed(error);
      return told(status, body);
    }
  }

  /** A batch that was cancelled; one whose server ends stays as it is. */
  function stopped(batch: Batch): void {
    if (!closing.signal.aborted) end(batch, "cancelled");
  }

  function end(
    batch: Batch,
    status: "completed" | "failed" | "cancelled",
    errors?: { line: number; message: string }[],
  ): void {
    batch.status = status;
    batch[`${status}_at`] = now();
    if (errors) batch.errors = { object: "list", data: errors };
    save(batch);
    rmSync(answersOf(batch.id), { force: true });
  }

  function get(id: string): Batch {
    const found = all.get(id);
    if (found) return found;
    throw new ProtocolError(404, `no batch "${id}"; see /v1/batches`, { param: "batch_id" });
  }

  for (const batch of [...all.values()].sort((a, b) => a.created_at - b.created_at))
    if (batch.status === "validating" || batch.status === "in_progress") begin(batch);

  return {
    get,
    list: () => [...all.values()].sort((a, b) => b.created_at - a.created_at),
    add(input_file_id, completion_window, metadata) {
      store.get(input_file_id);
      const batch: Batch = {
        id: `batch-${randomUUID()}`,
        object: "batch",
        endpoint,
        input_file_id,
        completion_window,
        metadata,
        created_at: now(),
        status: "validating",
        in_progress_at: null,
        completed_at: null,
        failed_at: null,
        cancelled_at: null,
        errors: null,
        output_file_id: null,
        error_file_id: null,
        request_counts: { total: 0, completed: 0, failed: 0 },
      };
      save(batch);
      all.set(batch.id, batch);
      begin(batch);
      return batch;
    },
    cancel(id) {
      const batch = get(id);
      const under = running.get(id);
      if (!under) throw new ProtocolError(409, `batch "${id}" is ${batch.status}; there is nothing to cancel`);
      under.abort(new RequestError("the batch was cancelled", 499));
      return batch;
    },
    needs: (file) => [...running.keys()].some((id) => get(id).input_file_id === file),
    async close() {
      closing.abort(new RequestError("the server is shutting down", 503));
      await queue.onIdle();
    },
  };
}

const succeeded = ({ response }: Told): boolean => response.status_code === 200;

/** The questions of a file, and what is wrong with its lines. */
function questionsIn(text: string): { questions: Question[]; errors: { line: number; message: string }[] } {
  const questions = new Map<string, Question>();
  const errors: { line: number; message: string }[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const { data, error } = question.safeParse(parsed(line));
    if (error) errors.push({ line: i + 1, message: unfit(error).message });
    else if (questions.has(data.custom_id))
      errors.push({ line: i + 1, message: `custom_id "${data.custom_id}" is there twice` });
    else questions.set(data.custom_id, data);
  }
  if (questions.size + errors.length === 0) errors.push({ line: 1, message: "the file holds no question" });
  return { questions: [...questions.values()], errors };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The answers that were written so far; a line that a killed server did not finish is taken away. */
function answersIn(path: string): Map<string, Told> {
  if (!existsSync(path)) return new Map();
  const text = readFileSync(path, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  const lines = whole.split("\n").filter(Boolean);
  return new Map(lines.map((line) => JSON.parse(line) as Told).map((told) => [told.custom_id, told]));
}
