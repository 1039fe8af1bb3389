/** Samples to batches: which samples go together, and how they are made equally long. */
import { type Labelled, unlabelled } from "../text/template.ts";

/** A batch as rows of equal length. mask: 1 where an id is not padding. */
export interface Collated {
  readonly ids: number[][];
  readonly labels: number[][];
  readonly mask: number[][];
}

/** Pads samples on the right to the longest, or to `length` where that is given: ids with 0, labels with -100. As in the
 *  published collator an id 0 inside a sample is masked too. */
export function collate(samples: readonly Labelled[], length = 0): Collated {
  const longest = samples.reduce((most, sample) => Math.max(most, sample.ids.length), length);
  const padded = (row: readonly number[], filler: number): number[] =>
    Array.from({ length: longest }, (_, i) => row[i] ?? filler);
  const ids = samples.map((sample) => padded(sample.ids, 0));
  return {
    ids,
    labels: samples.map((sample) => padded(sample.labels, unlabelled)),
    mask: ids.map((row) => row.map((id) => (id === 0 ? 0 : 1))),
  };
}

/** Reorders a permutation of samples so that those of like length are dealt with together: it is cut into runs of
 *  batch * chunks samples, each sorted by falling length and dealt out so that the chunks come out equally long.
 *  lengths: tokens by sample; batch: samples of one micro-batch; chunks: micro-batches of one update. Source: the
 *  length-grouped sampler of InternVL. */
export function groupedByLength(
  permutation: readonly number[],
  lengths: readonly number[],
  batch: number,
  chunks: number,
): number[] {
  const order: number[] = [];
  for (let begin = 0; begin < permutation.length; begin += batch * chunks) {
    const run = permutation.slice(begin, begin + batch * chunks).sort((a, b) => lengths[b]! - lengths[a]!);
    order.push(...dealt(run, lengths, chunks).flat());
  }
  return order;
}

/** Each sample goes to the chunk that is shortest so far and not yet full; a run that does not divide is dealt in turn. */
function dealt(run: readonly number[], lengths: readonly number[], chunks: number): number[][] {
  const hands: number[][] = Array.from({ length: chunks }, () => []);
  const sums = new Array<number>(chunks).fill(0);
  const size = run.length / chunks;
  run.forEach((sample, i) => {
    const hand = Number.isInteger(size) ? sums.indexOf(Math.min(...sums)) : i % chunks;
    hands[hand]!.push(sample);
    sums[hand]! += lengths[sample]!;
    if (hands[hand]!.length === size) sums[hand] = Number.POSITIVE_INFINITY;
  });
  return hands;
}
