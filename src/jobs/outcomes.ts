/** What became of the pages of a batch: awaited in their order, each told once. */
import { setTimeout } from "node:timers/promises";
import { RequestError } from "../errors.ts";
import type { AnswerRecord } from "../run/answer.ts";
import { type Batch, type Entry, entriesOf, statesOf } from "./batch.ts";
import type { Pages, Store } from "./store.ts";

/** A line of the results: the page, the name of its job, and the answer as `ask --json` tells it, or what went wrong. */
export type Outcome = Entry & (AnswerRecord | { readonly error: string });

/** How often Redis is asked for what is not there yet, in milliseconds. */
const everyMs = 250;

/** The outcomes that are not in `known`, as their pages end; those that are, from there. Throws RequestError for a page that Redis does not know any more, and
 *  the signal's reason where that is aborted. */
export async function* outcomes(
  store: Store,
  batch: Batch,
  known: ReadonlyMap<string, Outcome>,
  signal: AbortSignal,
): AsyncGenerator<Outcome> {
  const queue = store.pagesOf(batch.model);
  for await (const entries of entriesOf(store, batch)) {
    let from = 0;
    while (from < entries.length) {
      signal.throwIfAborted();
      const rest = entries.slice(from);
      const states = await statesOf(
        store,
        queue,
        rest.map(({ id }) => id),
      );
      let told = 0;
      for (const [i, entry] of rest.entries()) {
        const old = known.get(entry.id);
        if (!old && !states[i]) break;
        yield old ? named(old, entry) : await ended(queue, entry);
        told++;
      }
      from += told;
      if (told === rest.length) continue;
      if ((await queue.getJobState(rest[told].id)) === "unknown") throw gone(rest[told]);
      await setTimeout(everyMs, undefined, { signal });
    }
  }
}

async function ended(queue: Pages, entry: Entry): Promise<Outcome> {
  const job = await queue.getJob(entry.id);
  if (!job) throw gone(entry);
  return job.returnvalue ? named({ ...entry, ...job.returnvalue }, entry) : { ...entry, error: job.failedReason };
}

/** The outcome under the page's own name: another with the same content may have been asked before. */
function named(outcome: Outcome, { source, id }: Entry): Outcome {
  if ("error" in outcome) return { ...outcome, source, id };
  return { ...outcome, source, id, images: outcome.images.map((image) => ({ ...image, source })) };
}

const gone = ({ source }: Entry): RequestError =>
  new RequestError(`Redis knows nothing of "${source}" any more; submit the batch again`, 410);
