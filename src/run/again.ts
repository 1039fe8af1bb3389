/** A second look: where a model trusts an answer too little, the page is cut otherwise and asked about again. What one cut hides, another may show. */
import { RequestError } from "../errors.ts";
import type { AnswerRecord, Piece } from "./answer.ts";
import { joined, unreadable } from "./confidence.ts";
import type { Generated, Said } from "./generate.ts";

/** An answer by one look. */
export interface Spoken {
  readonly record: AnswerRecord;
  readonly made: Generated;
  /** Whether the model trusts it so little that another look may bring more. */
  readonly unsure: boolean;
  /** What was not shown for that: the whole answer, where it is short. */
  readonly withheld?: Said | undefined;
}

/** Asks through a tiling; undefined is the model's own. Returns nothing where that shows what another look has shown. */
export type Look = (tiles?: string) => AsyncGenerator<Piece, Spoken | undefined>;

/** The best answer of a first look and of others through `tilings`, which end with the first that is sure. Its record tells the time of all looks, and the tokens of the one
 *  that counts. A look that the request has no room for is none. */
export async function* surest(
  look: Look,
  tilings: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<Piece, Spoken> {
  const first = (yield* look())!;
  let best = first;
  let words = first.withheld;
  const records = [first.record];
  for (const tiles of tilings) {
    if (!best.unsure) break;
    const other = yield* kept(look(tiles), signal);
    if (!other) continue;
    records.push(other.spoken.record);
    if (!better(other.spoken, best)) continue;
    best = other.spoken;
    words = other.words;
  }
  const last = records.at(-1)!;
  // What was told last of how the images are seen is of the last look.
  if (best.record !== last && best.record.images.some(({ cells }) => cells))
    yield { text: "", images: best.record.images };
  if (first.withheld && best.record.guess !== null) yield { text: unreadable };
  else if (first.withheld && words?.text) yield words;
  const { peak_rss_bytes } = last;
  return { ...best, record: { ...best.record, timing_ms: timeOf(records), peak_rss_bytes } };
}

/** A further look, of which only how the images are seen is shown, and what it says; nothing where there was no room for it. */
async function* kept(
  look: ReturnType<Look>,
  signal?: AbortSignal,
): AsyncGenerator<Piece, { spoken: Spoken; words: Said } | undefined> {
  let words: Said = { text: "" };
  try {
    const spoken = yield* silent(look, (said) => {
      words = joined(words, said);
    });
    return spoken && { spoken, words: spoken.withheld ?? words };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RequestError) return undefined;
    throw error;
  }
}

/** The generator's pieces that are about images; the others are `heard`. */
export async function* silent<R>(
  of: AsyncGenerator<Piece, R>,
  heard: (said: Said) => void = () => undefined,
): AsyncGenerator<Piece, R> {
  try {
    for (;;) {
      const { done, value } = await of.next();
      if (done) return value;
      if (value.images) yield value;
      else heard(value);
    }
  } finally {
    await of.return(undefined as never);
  }
}

/** An answer that ended is better than one that was cut, some words than none, the more probable than the other. */
function better(a: Spoken, b: Spoken): boolean {
  const [x, y] = [a, b].map(({ record, made }) => [
    Number(record.finish_reason === "stop"),
    Number(made.ids.length > 0),
    record.log_probability,
  ]);
  const at = x.findIndex((value, i) => value !== y[i]);
  return at >= 0 && x[at] > y[at];
}

/** The time of several answers about the same images. */
export function timeOf(records: readonly AnswerRecord[]): AnswerRecord["timing_ms"] {
  const parts = Object.keys(records[0].timing_ms) as (keyof AnswerRecord["timing_ms"])[];
  const spent = parts.map((part) => [part, records.reduce((sum, { timing_ms }) => sum + timing_ms[part], 0)]);
  return Object.fromEntries(spent) as AnswerRecord["timing_ms"];
}
