/** Boxes as text: those that models write into answers, and those that stand in questions. */
import { RequestError } from "../errors.ts";

/** Left, top, right and bottom edge, in pixels from the top left of an image. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

/** A box and the words it stands behind; null where it stands alone. */
export interface PhraseBox {
  readonly phrase: string | null;
  readonly box: Box;
}

/** The part of an image that a model sees; all of it begins at 0, 0. */
export interface Seen {
  readonly x?: number;
  readonly y?: number;
  readonly width: number;
  readonly height: number;
}

const phrase = /<(p|ref)>(?<phrase>[^<]*)<\/\1>/;
/** MiniGPT-v2 and TinyGPT-V write hundredths of the image's sides, `{<12><34><56><78>}`, InternVL thousandths in `<box>[[123, 456, 789, 987]]</box>`. */
const hundredths = /\{<(\d+)><(\d+)><(\d+)><(\d+)>\}/;
const thousandths = /<box>(?<list>[\d\s,[\]]*)<\/box>/;
const marks = new RegExp([phrase, hundredths, thousandths].map(({ source }) => source).join("|"), "g");
/** What may stand between a phrase and its boxes. */
const between = /^(\s|<delim>)*$/;

/** The boxes in an answer about this part of an image, in the order in which they are written; corners are ordered and cut at its edges.
 *  `<p>phrase</p> {<x1><y1><x2><y2>}<delim>{…}` and `<ref>phrase</ref><box>[[x1, y1, x2, y2], …]</box>`. */
export function boxesIn(text: string, seen: Seen): PhraseBox[] {
  const found: PhraseBox[] = [];
  let words: string | null = null;
  let end = 0;
  for (const match of text.matchAll(marks)) {
    if (!between.test(text.slice(end, match.index))) words = null;
    end = match.index + match[0].length;
    const { phrase, list } = match.groups!;
    if (phrase !== undefined) words = phrase.trim();
    else if (list === undefined) found.push({ phrase: words, box: pixels(match.slice(3, 7), 100, seen) });
    else
      for (const [, ...edges] of list.matchAll(/\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]/g))
        found.push({ phrase: words, box: pixels(edges, 1000, seen) });
  }
  return found;
}

/** Edges that are written as parts of the sides. */
function pixels(edges: readonly string[], parts: number, { x = 0, y = 0, width, height }: Seen): Box {
  const [x1, y1, x2, y2] = edges.map((edge, i) => {
    const [from, length] = i % 2 ? [y, height] : [x, width];
    return from + (Math.min(Number(edge), parts) * length) / parts;
  });
  return [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
}

/** A box as TinyGPT-V reads it: hundredths of the sides, rounded down as in training. Throws RequestError for one that is not in the part that is seen. */
export function hundredthsOf(box: Box, { x = 0, y = 0, width, height }: Seen): string {
  const [x1, y1, x2, y2] = box;
  if (!(box.length === 4 && x <= x1 && x1 < x2 && x2 <= x + width && y <= y1 && y1 < y2 && y2 <= y + height))
    throw new RequestError(
      `box ${box.join(",")} is none of the ${width} x ${height} image${x || y ? ` from ${x},${y}` : ""}; expected LEFT,TOP,RIGHT,BOTTOM in its pixels`,
    );
  const part = (edge: number, i: number): number => (i % 2 ? (edge - y) / height : (edge - x) / width);
  return `{${box.map((edge, i) => `<${Math.trunc(part(edge, i) * 100)}>`).join("")}}`;
}
