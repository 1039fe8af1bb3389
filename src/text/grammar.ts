/** Grammars as values, and the automaton that follows a text through one byte by byte. */

/** What a text may be, in bytes of UTF-8. A rule stands for what it is given later, so that grammars may hold themselves. */
export type Grammar =
  | { readonly type: "byte"; readonly from: number; readonly to: number }
  | { readonly type: "sequence"; readonly parts: readonly Grammar[] }
  | { readonly type: "choice"; readonly parts: readonly Grammar[] }
  | { readonly type: "repeat"; readonly of: Grammar; readonly min: number; readonly max: number }
  | { readonly type: "rule"; of: Grammar };

/** First and last code point. */
export type Range = readonly [number, number];

export const sequence = (...parts: readonly Grammar[]): Grammar => ({ type: "sequence", parts });
export const choice = (...parts: readonly Grammar[]): Grammar => ({ type: "choice", parts });
export const repeat = (of: Grammar, min: number, max: number): Grammar => ({ type: "repeat", of, min, max });
export const many = (of: Grammar): Grammar => repeat(of, 0, Number.POSITIVE_INFINITY);
export const maybe = (of: Grammar): Grammar => repeat(of, 0, 1);
/** The empty text, and no text at all. */
export const empty: Grammar = sequence();
export const nothing: Grammar = choice();
const byte = (from: number, to: number): Grammar => ({ type: "byte", from, to });

/** This text. */
export const word = (text: string): Grammar =>
  sequence(...Array.from(new TextEncoder().encode(text), (one) => byte(one, one)));

/** Code points up to which UTF-8 takes 1 to 4 bytes. */
const widths = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/** One character of these ranges, which hold no halves of pairs. */
export const character = (ranges: readonly Range[]): Grammar =>
  choice(
    ...ranges.flatMap(([from, to]) =>
      widths.flatMap((most, i) => {
        const [low, high] = [Math.max(from, i === 0 ? 0 : widths[i - 1]! + 1), Math.min(to, most)];
        return low <= high ? alike(bytesOf(low), bytesOf(high)) : [];
      }),
    ),
  );

const bytesOf = (code: number): number[] => [...new TextEncoder().encode(String.fromCodePoint(code))];

/** Characters of the same number of bytes, from one to another. */
function alike([a, ...low]: readonly number[], [b, ...high]: readonly number[]): Grammar[] {
  if (low.length === 0 || a === b)
    return [sequence(byte(a!, b!), ...(low.length ? [choice(...alike(low, high))] : []))];
  const [first, last] = [low.map(() => 0x80), low.map(() => 0xbf)];
  return [
    sequence(byte(a!, a!), choice(...alike(low, last))),
    ...(a! + 1 < b! ? [sequence(byte(a! + 1, b! - 1), ...first.map(() => byte(0x80, 0xbf)))] : []),
    sequence(byte(b!, b!), choice(...alike(first, high))),
  ];
}

/** What remains to be written: a part, of which so many repeats are done, and what comes behind it; undefined is the end. */
interface Rest {
  readonly id: number;
  readonly part: Grammar;
  readonly done: number;
  readonly behind: Rest | undefined;
}

/** All that may remain at a place of a text; each begins with a byte. */
export interface State {
  /** Whether the text may end here. */
  readonly ends: boolean;
  readonly rests: readonly Rest[];
  /** Where each of the 256 bytes leads, once somebody asked. */
  after?: readonly (State | undefined)[];
}

/** Follows texts through a grammar. */
export interface Automaton {
  readonly start: State;
  /** Where a byte leads; undefined where the grammar has no such text. */
  step(state: State, byte: number): State | undefined;
  /** States met so far, which are kept. */
  readonly size: number;
}

/** The automaton of a grammar. It computes states when they are first met: a state is the set of what may remain (Antimirov 1996), so that equal places of a
 *  text are one. */
export function automaton(grammar: Grammar): Automaton {
  const rests = new Map<Grammar, Map<Rest | undefined, Rest[]>>();
  const states = new Map<string, State>();
  let count = 0;

  function rest(part: Grammar, done: number, behind: Rest | undefined): Rest {
    const ofPart = rests.get(part) ?? new Map<Rest | undefined, Rest[]>();
    rests.set(part, ofPart);
    const before = ofPart.get(behind) ?? [];
    ofPart.set(behind, before);
    before[done] ??= { id: count++, part, done, behind };
    return before[done];
  }

  /** The state in which any of these remains. */
  function state(remaining: readonly (Rest | undefined)[]): State | undefined {
    const found = new Set<Rest>();
    const seen = new Set<Rest>();
    let ends = false;
    const open = [...remaining];
    while (open.length) {
      const at = open.pop();
      if (at === undefined) ends = true;
      if (at === undefined || seen.has(at)) continue;
      seen.add(at);
      if (at.part.type === "byte") found.add(at);
      else open.push(...opened(at, at.part));
    }
    if (!ends && found.size === 0) return undefined;
    const sorted = [...found].sort((a, b) => a.id - b.id);
    const key = `${ends} ${sorted.map(({ id }) => id).join(" ")}`;
    const known = states.get(key);
    if (known) return known;
    const made = { ends, rests: sorted };
    states.set(key, made);
    return made;
  }

  /** What a part means for what remains. */
  function opened({ done, behind }: Rest, part: Exclude<Grammar, { type: "byte" }>): (Rest | undefined)[] {
    if (part.type === "rule") return [rest(part.of, 0, behind)];
    if (part.type === "choice") return part.parts.map((one) => rest(one, 0, behind));
    if (part.type === "sequence")
      return [part.parts.reduceRight<Rest | undefined>((tail, one) => rest(one, 0, tail), behind)];
    const { of, min, max } = part;
    // Where there is no most, repeats beyond the least are all the same.
    const next = Number.isFinite(max) ? done + 1 : Math.min(done + 1, min);
    const again = done < max ? [rest(of, 0, rest(part, next, behind))] : [];
    return done >= min ? [behind, ...again] : again;
  }

  /** Where the bytes lead: alike between two bounds of what remains. */
  function leading(from: State): (State | undefined)[] {
    const heads = from.rests.map(({ part, behind }) => ({ ...(part as Grammar & { type: "byte" }), behind }));
    const bounds = [...new Set([0, 256, ...heads.flatMap(({ from, to }) => [from, to + 1])])].sort((a, b) => a - b);
    const after = new Array<State | undefined>(256).fill(undefined);
    for (const [i, low] of bounds.slice(0, -1).entries()) {
      const open = heads.filter(({ from, to }) => from <= low && low <= to);
      if (open.length) after.fill(state(open.map(({ behind }) => behind)), low, bounds[i + 1]);
    }
    return after;
  }

  return {
    start: state([rest(grammar, 0, undefined)]) ?? { ends: false, rests: [] },
    step: (from, byte) => (from.after ??= leading(from))[byte],
    get size() {
      return states.size;
    },
  };
}

/** The automaton of those of its texts that have at most so many bytes; where all are longer, of the shortest. Whoever follows it comes to an end by then. */
export function within(of: Automaton, most: number): Automaton & { readonly most: number } {
  const states = new Map<State, State[]>();
  const places = new Map<State, { readonly inner: State; readonly left: number }>();
  const distances = new Map<State, number>();

  /** Bytes from a state to the nearest end; noted for all states on the way as well. */
  function distance(from: State): number {
    const known = distances.get(from);
    if (known !== undefined) return known;
    const before = new Map<State, State | undefined>([[from, undefined]]);
    let end: State | undefined;
    for (const at of before.keys()) {
      if (at.ends) end = at;
      if (end) break;
      for (let byte = 0; byte < 256; byte++) {
        const next = of.step(at, byte);
        if (next && !before.has(next)) before.set(next, at);
      }
    }
    if (!end) return Number.POSITIVE_INFINITY;
    for (let bytes = 0, at: State | undefined = end; at; at = before.get(at)) distances.set(at, bytes++);
    return distances.get(from)!;
  }

  function state(inner: State, left: number): State {
    const known = states.get(inner) ?? [];
    states.set(inner, known);
    if (!known[left]) {
      known[left] = { ends: inner.ends, rests: inner.rests };
      places.set(known[left], { inner, left });
    }
    return known[left];
  }

  const least = distance(of.start);
  const length = Number.isFinite(least) ? Math.max(most, least) : 0;
  return {
    most: length,
    start: state(of.start, length),
    step(from, byte) {
      const { inner, left } = places.get(from)!;
      const to = of.step(inner, byte);
      return to && distance(to) < left ? state(to, left - 1) : undefined;
    },
    get size() {
      return of.size + places.size;
    },
  };
}
