/** Candidate grids in the order the authors of InternVL and Mini-Monkey meet them, and the choice among them. */

/** Columns and rows. */
export type Grid = readonly [columns: number, rows: number];

const mask64 = (1n << 64n) - 1n;
const prime1 = 11400714785074694791n;
const prime2 = 14029467366897019727n;
const prime5 = 2870177450012600261n;

/** CPython's hash of a tuple of two small non-negative integers (xxHash64's round, from 3.8 on, 64-bit builds). */
function hash(grid: Grid): bigint {
  let acc = prime5;
  for (const lane of grid) {
    acc = (acc + BigInt(lane) * prime2) & mask64;
    acc = ((acc << 31n) | (acc >> 33n)) & mask64;
    acc = (acc * prime1) & mask64;
  }
  return (acc + (2n ^ prime5 ^ 3527539n)) & mask64;
}

interface Entry {
  readonly grid: Grid;
  readonly hash: bigint;
}

/** The first free slot for `hash`: the home slot and nine behind it, then a perturbed jump, as CPython's set probes. */
function freeSlot(table: ReadonlyArray<Entry | undefined>, hash: bigint): number {
  const mask = table.length - 1;
  let perturb = hash;
  let i = Number(hash & BigInt(mask));
  for (;;) {
    const last = i + 9 <= mask ? i + 9 : i;
    for (let j = i; j <= last; j++) if (!table[j]) return j;
    perturb >>= 5n;
    i = Number((BigInt(i) * 5n + 1n + perturb) & BigInt(mask));
  }
}

/** `grids`, all different, in the order in which a CPython set iterates after they were added in the order given. */
function setOrder(grids: readonly Grid[]): Grid[] {
  let table = new Array<Entry | undefined>(8).fill(undefined);
  for (const [added, grid] of grids.entries()) {
    const entry = { grid, hash: hash(grid) };
    table[freeSlot(table, entry.hash)] = entry;
    const used = added + 1;
    if (used * 5 < (table.length - 1) * 3) continue;
    let size = 8;
    while (size <= used * 4) size *= 2;
    const old = table;
    table = new Array<Entry | undefined>(size).fill(undefined);
    for (const e of old) if (e) table[freeSlot(table, e.hash)] = e;
  }
  return table.flatMap((e) => (e ? [e.grid] : []));
}

/** All grids of min..max cells in the order the authors' nested loops first meet them. */
function enumerated(min: number, max: number): Grid[] {
  const seen = new Set<number>();
  const grids: Grid[] = [];
  for (let n = min; n <= max; n++) {
    for (let i = 1; i <= n; i++) {
      for (let j = Math.ceil(min / i); j <= n && i * j <= max; j++) {
        const key = i * (max + 1) + j;
        if (seen.has(key)) continue;
        seen.add(key);
        grids.push([i, j]);
      }
    }
  }
  return grids;
}

const known = new Map<string, readonly Grid[]>();

/**
 * Every grid of `min` to `max` cells, fewest cells first; grids of one area come in CPython's set order, because the
 * authors sort a Python set by area and their tie rule depends on what comes later.
 */
export function candidates(min: number, max: number): readonly Grid[] {
  const key = `${min}..${max}`;
  let grids = known.get(key);
  if (!grids) known.set(key, (grids = setOrder(enumerated(min, max)).sort((a, b) => a[0] * a[1] - b[0] * b[1])));
  return grids;
}

/**
 * The grid whose aspect is nearest to width / height; of equals, a later one wins while the image has more than half its
 * pixels (tiles of `size` pixels a side). No grids: 1 x 1.
 */
export function nearest(grids: readonly Grid[], width: number, height: number, size: number): Grid {
  let best: Grid = [1, 1];
  let least = Number.POSITIVE_INFINITY;
  for (const grid of grids) {
    const [c, r] = grid;
    const gap = Math.abs(width / height - c / r);
    if (gap < least || (gap === least && width * height > 0.5 * size * size * c * r)) best = grid;
    if (gap < least) least = gap;
  }
  return best;
}
