/** Numbers within bounds as a grammar: whole ones of up to 15 digits, decimal ones of up to 6 places behind the point. */
import { character, choice, type Grammar, maybe, repeat, sequence, word } from "./grammar.ts";

/** Beyond it a double does not hold every whole number. */
export const mostWhole: number = 10 ** 15 - 1;
/** Up to here a double holds a bound and 6 places. */
export const mostBound: number = 10 ** 9;

/** A side that is open leaves the bound itself out. */
export interface Bounds {
  readonly from: number;
  readonly fromOpen: boolean;
  readonly to: number;
  readonly toOpen: boolean;
}

const figure = (from: number, to: number): Grammar => character([[0x30 + from, 0x30 + to]]);
const figures = (min: number, max: number): Grammar => repeat(figure(0, 9), min, max);
const places = (of: Grammar): Grammar => maybe(sequence(word("."), of));

/** Any number. */
export const anyNumber: Grammar = sequence(
  maybe(word("-")),
  choice(word("0"), sequence(figure(1, 9), figures(0, 14))),
  places(figures(1, 15)),
);

/** Whole numbers of [from, to]. */
export function wholeGrammar(from: number, to: number): Grammar {
  return choice(
    ...(from < 0 ? [sequence(word("-"), digits(Math.max(1, -to), -from))] : []),
    digits(Math.max(0, from), to),
  );
}

/** Decimal numbers between whole bounds. */
export function decimalGrammar({ from, fromOpen, to, toOpen }: Bounds): Grammar {
  const below = { from: Math.max(0, -to), fromOpen: to <= 0 && toOpen, to: -from, toOpen: fromOpen };
  return choice(
    ...(from < 0 ? [sequence(word("-"), magnitudes(below))] : []),
    magnitudes({ from: Math.max(0, from), fromOpen: from >= 0 && fromOpen, to, toOpen }),
  );
}

/** Decimal numbers of at least 0. */
function magnitudes({ from, fromOpen, to, toOpen }: Bounds): Grammar {
  const next = sequence(digits(from, from), word("."), figures(0, 5), figure(1, 9));
  const last = sequence(digits(to, to), places(repeat(word("0"), 1, 6)));
  return choice(
    ...(fromOpen && from < to ? [next] : []),
    sequence(digits(from + (fromOpen ? 1 : 0), to - 1), places(figures(1, 6))),
    ...(to < from || toOpen || (fromOpen && to === from) ? [] : [last]),
  );
}

/** Whole numbers of [from, to], from 0 on. */
function digits(from: number, to: number): Grammar {
  const ways: Grammar[] = [];
  for (let low = from; low <= to; ) {
    const high = Math.min(to, 10 ** String(low).length - 1);
    ways.push(alike(String(low), String(high)));
    low = high + 1;
  }
  return choice(...ways);
}

/** Numbers of as many digits. */
function alike(from: string, to: string): Grammar {
  if (/^0+$/.test(from) && /^9+$/.test(to)) return figures(from.length, from.length);
  const [a, b, rest] = [Number(from[0]), Number(to[0]), from.length - 1];
  if (rest === 0) return figure(a, b);
  if (a === b) return sequence(figure(a, a), alike(from.slice(1), to.slice(1)));
  return choice(
    sequence(figure(a, a), alike(from.slice(1), "9".repeat(rest))),
    ...(a + 1 < b ? [sequence(figure(a + 1, b - 1), figures(rest, rest))] : []),
    sequence(figure(b, b), alike("0".repeat(rest), to.slice(1))),
  );
}
