/** A regular expression as a grammar: what a string may be, written as it is or inside the quotes of JSON. */
import { type AST, RegExpParser } from "@eslint-community/regexpp";
import { RequestError } from "../errors.ts";
import { character, choice, type Grammar, many, type Range, repeat, sequence, word } from "./grammar.ts";

/** How characters are written: as they are, or inside the quotes of JSON. */
export type Written = "plain" | "json";

const last = 0x10ffff;
/** Everything but control characters and the halves of pairs, which UTF-8 cannot write. */
const writable: readonly Range[] = [
  [0x20, 0xd7ff],
  [0xe000, last],
];
/** What JSON writes with a backslash (RFC 8259). */
const escapes: ReadonlyMap<number, string> = new Map([
  [0x22, '\\"'],
  [0x5c, "\\\\"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
]);

/** One character of these ranges, as it is written. */
function written(ranges: readonly Range[], how: Written): Grammar {
  const bare = ranges.flatMap(([from, to]) => writable.flatMap(([a, b]) => span(Math.max(from, a), Math.min(to, b))));
  if (how === "plain") return character(bare);
  const without = (all: readonly Range[], hole: number): Range[] =>
    all.flatMap(([from, to]) =>
      hole < from || hole > to ? span(from, to) : [...span(from, hole - 1), ...span(hole + 1, to)],
    );
  const slashed = [...escapes].filter(([code]) => ranges.some(([from, to]) => from <= code && code <= to));
  return choice(character([0x22, 0x5c].reduce(without, bare)), ...slashed.map(([, text]) => word(text)));
}

const span = (from: number, to: number): Range[] => (from <= to ? [[from, to]] : []);

const any: Readonly<Record<Written, Grammar>> = {
  plain: written([[0, last]], "plain"),
  json: written([[0, last]], "json"),
};
/** Any one character. */
export const anyCharacter = (how: Written): Grammar => any[how];

/** All characters in order, in blocks that a regular expression takes at once. */
let blocks: readonly string[] | undefined;
const inBlocks = (size: number): string[] =>
  Array.from({ length: (last + 1) / size }, (_, i) => i * size)
    .filter((begin) => begin < 0xd800 || begin >= 0xe000)
    .map((begin) => String.fromCodePoint(...Array.from({ length: size }, (_, i) => begin + i)));

/** The ranges of a class like [^a-z] or \d: the engine of JavaScript is asked for runs of it. */
function rangesOf(of: string): Range[] {
  const runs = new RegExp(`(?:${of})+`, "gsu");
  const ranges: [number, number][] = [];
  blocks ??= inBlocks(2048);
  for (const [run] of blocks.flatMap((block) => [...block.matchAll(runs)])) {
    const [from, end] = [run.codePointAt(0)!, run.codePointAt(run.length - 2)!];
    const to = end > 0xffff ? end : run.codePointAt(run.length - 1)!;
    const before = ranges.at(-1);
    if (before?.[1] === from - 1) before[1] = to;
    else ranges.push([from, to]);
  }
  return ranges;
}

/** Most repeats that a pattern may count, those within repeats multiplied. */
const mostRepeats = 1000;

/** What a string must be for `pattern`, a regular expression of JavaScript with the flag u, to be found in it. Throws RequestError, with `at` for the place, for
 *  what is no regular expression and for what no grammar can say: looking ahead or back, references, anchors in the middle. */
export function patternGrammar(pattern: string, at: string, how: Written): Grammar {
  const refused = (what: string): RequestError =>
    new RequestError(`schema: ${at}: pattern ${JSON.stringify(pattern)}: ${what}`);

  const whole = (elements: readonly AST.Element[], times: number): Grammar =>
    sequence(...elements.map((element) => part(element, times)));

  function part(element: AST.Element, times: number): Grammar {
    if (element.type === "Character") return written([[element.value, element.value]], how);
    if (element.type === "CharacterClass") return written(rangesOf(element.raw), how);
    if (element.type === "CharacterSet")
      return written(rangesOf(element.kind === "any" ? "[^\\n\\r\\u2028\\u2029]" : element.raw), how);
    if (element.type === "Group" || element.type === "CapturingGroup")
      return choice(...element.alternatives.map(({ elements }) => whole(elements, times)));
    if (element.type !== "Quantifier")
      throw refused(`${element.raw} is not supported; expected characters, classes, groups, repeats and outer anchors`);
    const { min, max } = element;
    const most = times * Math.max(1, Number.isFinite(max) ? max : min);
    if (most > mostRepeats) throw refused(`repeats more than ${mostRepeats} times are not supported`);
    return repeat(part(element.element, most), min, max);
  }

  let parsed: AST.Pattern;
  try {
    parsed = new RegExpParser().parsePattern(pattern, 0, pattern.length, { unicode: true });
  } catch (cause) {
    throw refused(`is no regular expression (${(cause as Error).message})`);
  }
  const anchored = (element: AST.Element | undefined, kind: "start" | "end"): boolean =>
    element?.type === "Assertion" && element.kind === kind;
  return choice(
    ...parsed.alternatives.map(({ elements }) => {
      const [begins, ends] = [anchored(elements[0], "start"), anchored(elements.at(-1), "end")];
      const inner = whole(elements.slice(begins ? 1 : 0, elements.length - (ends ? 1 : 0)), 1);
      const rest = many(anyCharacter(how));
      return sequence(begins ? sequence() : rest, inner, ends ? sequence() : rest);
    }),
  );
}
