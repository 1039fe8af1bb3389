/** Pages of a PDF as people name them: `3`, `2-5`, or `1,3-5`. */
import { RequestError } from "../errors.ts";

/** Pages from `first` to `last`, counted from 1. */
export interface PageRange {
  readonly first: number;
  readonly last: number;
}

/** The ranges of the words, in their order. Throws RequestError for other words, a range that runs backwards, and a page that is named twice. */
export function pageRanges(words: string, name: string): PageRange[] {
  const ranges = words.split(",").map((part): PageRange => {
    const [, first, last = first] = /^ *(\d{1,6})(?:-(\d{1,6}))? *$/.exec(part) ?? [];
    if (first === undefined)
      throw new RequestError(`"${name}": "${words.slice(0, 40)}" is no list of pages; expected one as 3, 2-5 or 1,3-5`);
    if (Number(first) <= Number(last)) return { first: Number(first), last: Number(last) };
    throw new RequestError(`"${name}": pages ${first} to ${last} are in no order; expected FIRST-LAST`);
  });
  const sorted = ranges.toSorted((a, b) => a.first - b.first);
  const twice = sorted.find(({ first }, i) => i > 0 && first <= sorted[i - 1].last);
  if (twice) throw new RequestError(`"${name}": page ${twice.first} is named twice; name each page once`);
  return ranges;
}
