/** A second look: where a model trusts an answer too little, the page is cut otherwise and asked about again. What one cut hides, another may show. */
import type { AnswerRecord, Piece } from "./answer.ts";
import { unreadable } from "./confidence.ts";
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

/** The most probable answer of a first look and of others through `tilings`, which end with the first that is sure; undefined is the model's own. Its record tells the
 *  tokens and the time of all of them. */
export async function* surest(
  speak: (tiles?: string) => AsyncGenerator<Piece, Spoken>,
  tilings: readonly string[],
): AsyncGenerator<Piece, Spoken> {
  let best = yield* speak();
  const records = [best.record];
  for (const tiles of tilings) {
    if (!best.unsure) break;
    const other = yield* speak(tiles);
    records.push(other.record);
    if (other.record.log_probability > best.record.log_probability) best = other;
  }
  const record = { ...best.record, ...spentIn(records) };
  // What was told last of how the images are seen is of the last look.
  if (best.record !== records.at(-1) && record.images.some(({ cells }) => cells))
    yield { text: "", images: record.images };
  if (best.withheld) yield record.guess === null ? best.withheld : { text: unreadable };
  return { ...best, record };
}

/** The tokens and the time of several answers about the same images. */
export function spentIn(records: readonly AnswerRecord[]): Pick<AnswerRecord, "usage" | "timing_ms"> {
  const { usage, timing_ms } = records.at(-1)!;
  const sum = (of: (record: AnswerRecord) => number): number =>
    records.reduce((total, record) => total + of(record), 0);
  const parts = Object.keys(timing_ms) as (keyof AnswerRecord["timing_ms"])[];
  return {
    usage: {
      ...usage,
      prompt_tokens: sum(({ usage }) => usage.prompt_tokens),
      cached_tokens: sum(({ usage }) => usage.cached_tokens),
      completion_tokens: sum(({ usage }) => usage.completion_tokens),
    },
    timing_ms: Object.fromEntries(
      parts.map((part) => [part, sum(({ timing_ms }) => timing_ms[part])]),
    ) as AnswerRecord["timing_ms"],
  };
}
