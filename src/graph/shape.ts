/** Shapes: lists of sizes, each a number or a polynomial over named sizes such as `past+tokens`. */
import { ShapeError } from "../errors.ts";

/** A size known only when the graph runs: a sum of products of named sizes, e.g. 2·tiles·tokens + 1. */
export class Size {
  /** Product of names, sorted and joined by "*" ("" is the constant), to its integer factor; no zero factors. */
  readonly terms: ReadonlyMap<string, number>;
  constructor(terms: ReadonlyMap<string, number>) {
    this.terms = terms;
  }
  toString(): string {
    const parts = [...this.terms].map(([names, k]) => (names === "" ? `${k}` : k === 1 ? names : `${k}*${names}`));
    return parts.sort().join("+");
  }
  toJSON(): string {
    return this.toString();
  }
}

export type Dim = number | Size;
export type Shape = readonly Dim[];

/** A named size, bound to a number by the inputs of a run. */
export const size = (name: string): Size => new Size(new Map([[name, 1]]));

const termsOf = (d: Dim): ReadonlyMap<string, number> =>
  typeof d === "number" ? new Map(d === 0 ? [] : [["", d]]) : d.terms;

/** A polynomial without its zero terms, as a number where it is one. */
function simplest(terms: Map<string, number>): Dim {
  for (const [names, k] of terms) if (k === 0) terms.delete(names);
  if (terms.size === 0) return 0;
  if (terms.size === 1 && terms.has("")) return terms.get("")!;
  return new Size(terms);
}

/** a + b. */
export function plus(a: Dim, b: Dim): Dim {
  const sum = new Map(termsOf(a));
  for (const [names, k] of termsOf(b)) sum.set(names, (sum.get(names) ?? 0) + k);
  return simplest(sum);
}

/** a · b. */
export function times(a: Dim, b: Dim): Dim {
  const product = new Map<string, number>();
  for (const [x, j] of termsOf(a))
    for (const [y, k] of termsOf(b)) {
      const names = [...x.split("*"), ...y.split("*")].filter(Boolean).sort().join("*");
      product.set(names, (product.get(names) ?? 0) + j * k);
    }
  return simplest(product);
}

/** a − b. */
export const minus = (a: Dim, b: Dim): Dim => plus(a, times(b, -1));

/** a / b where b is a number or a single term that divides every term of a; undefined where it does not. */
export function over(a: Dim, b: Dim): Dim | undefined {
  const divisor = [...termsOf(b)];
  if (divisor.length !== 1 || divisor[0][1] === 0) return undefined;
  const [names, k] = divisor[0];
  const quotient = new Map<string, number>();
  for (const [x, j] of termsOf(a)) {
    const left = x.split("*").filter(Boolean);
    for (const name of names.split("*").filter(Boolean)) {
      const at = left.indexOf(name);
      if (at < 0) return undefined;
      left.splice(at, 1);
    }
    if (j % k !== 0) return undefined;
    quotient.set(left.join("*"), j / k);
  }
  return simplest(quotient);
}

/** Whether two sizes are equal whatever the named sizes are. */
export const same = (a: Dim, b: Dim): boolean => a === b || String(a) === String(b);
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => same(d, b[i]));

/** Product of all sizes. */
export const count = (shape: Shape): Dim => shape.reduce<Dim>(times, 1);

/** "[2, past+tokens, 64]". */
export const show = (shape: Shape): string => `[${shape.join(", ")}]`;

/** The shape both broadcast to, numpy's rule: aligned at the end, 1 stretches. */
export function broadcast(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const at = (s: Shape, i: number): Dim => s[i - rank + s.length] ?? 1;
  return Array.from({ length: rank }, (_, i) => {
    const x = at(a, i);
    const y = at(b, i);
    if (same(x, y) || y === 1) return x;
    if (x === 1) return y;
    throw new ShapeError(`${op}: ${show(a)} with ${show(b)}: ${x} is not ${y}`);
  });
}

/** The number a size has once its names are bound; throws on a name that is not. */
export function bind(d: Dim, sizes: ReadonlyMap<string, number>): number {
  if (typeof d === "number") return d;
  let total = 0;
  for (const [names, k] of d.terms) {
    let product = k;
    for (const name of names.split("*").filter(Boolean)) {
      const value = sizes.get(name);
      if (value === undefined)
        throw new ShapeError(`size "${name}" is bound by no input; there are ${[...sizes.keys()].join(", ")}`);
      product *= value;
    }
    total += product;
  }
  return total;
}

/** The static size of a dimension; throws where it is only known at run time. */
export function fixed(d: Dim, where: string): number {
  if (typeof d === "number") return d;
  throw new ShapeError(`${where}: ${d} is known only when the graph runs, a number was expected`);
}
