/** A JSON Schema (draft 2020-12) as a grammar of the answers that are of it. The answers may be fewer than the schema allows, never others: properties come in
 *  the schema's order, those it does not name are left out, and at most a space stands behind a colon or a comma. */
import { RequestError } from "../errors.ts";
import { choice, empty, type Grammar, many, maybe, nothing, repeat, sequence, word } from "./grammar.ts";
import { anyNumber, decimalGrammar, mostBound, mostWhole, wholeGrammar } from "./numbers.ts";
import { anyCharacter, patternGrammar, type Written } from "./pattern.ts";

export type Schema = Readonly<Record<string, unknown>>;

/** How deep a schema may lie in another. */
const mostDepth = 200;
const mostCharacters = 100_000;

/** Keys that say nothing of what a value may be. */
const notes = ["title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"];
const silent = new Set([...notes, "$schema", "$id", "$comment", "$defs", "definitions"]);
/** Keys that only mean something for values of a type. */
const keysOf: Readonly<Record<string, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties", "propertyNames"],
  array: ["items", "prefixItems", "minItems", "maxItems"],
  string: ["minLength", "maxLength", "pattern", "format"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  integer: [],
  boolean: [],
  null: [],
};
const whole = ["$ref", "const", "enum", "anyOf", "oneOf", "allOf", "type"];
const known = [...whole, ...Object.values(keysOf).flat()];

const day = "(?:0[1-9]|1\\d|2[0-8])";
const leap = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const date = `(?:\\d{4}-(?:(?:0[1-9]|1[0-2])-${day}|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)|${leap}-02-29)`;
const time = "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+\\-](?:[01]\\d|2[0-3]):[0-5]\\d)";
const label = "[A-Za-z0-9](?:[A-Za-z0-9\\-]*[A-Za-z0-9])?";
/** Formats as patterns, not all that a format allows but nothing else. */
const formats: Readonly<Record<string, string>> = {
  date: `^${date}$`,
  time: `^${time}$`,
  "date-time": `^${date}T${time}$`,
  email: `^[\\w+\\-]+(?:\\.[\\w+\\-]+)*@(?:${label}\\.)+[A-Za-z]{2,}$`,
  uri: `^https?:\\/\\/(?:${label}\\.)+[A-Za-z]{2,}(?:\\/[\\w.~\\-]*)*$`,
  uuid: "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
};

const space = maybe(word(" "));
const [colon, comma] = [sequence(word(":"), space), sequence(word(","), space)];
const between = (open: string, inner: Grammar, close: string): Grammar => sequence(word(open), inner, word(close));
const quoted = (inner: Grammar): Grammar => between('"', inner, '"');
const text = quoted(many(anyCharacter("json")));
/** Any value, which may hold others. */
const anything: Grammar = { type: "rule", of: nothing };
const some = (one: Grammar): Grammar => maybe(sequence(one, many(sequence(comma, one))));
anything.of = choice(
  text,
  anyNumber,
  ...["true", "false", "null"].map(word),
  between("[", some(anything), "]"),
  between("{", some(sequence(text, colon, anything)), "}"),
);

/** Whether an answer is JSON, or the schema is of a value without parts, which is written as people do: strings without quotes. Throws RequestError that
 *  names the place and the key of what is no schema or cannot be held. */
export function schemaGrammar(schema: unknown, how: Written = "json"): Grammar {
  const named = new Map<string, Grammar>();
  const literal = (value: unknown): Grammar =>
    word(how === "plain" && typeof value === "string" ? value : JSON.stringify(value));

  function value(of: unknown, at: string): Grammar {
    if (of === true) return anything;
    if (at.split("/").length > mostDepth) throw refusal(`${at.slice(0, 80)}...`, "is too deep");
    if (!isSchema(of)) throw refusal(at, of === false ? "allows nothing" : "is no schema; expected an object");
    checkKeys(of, at);
    const keys = constraints(of);
    if (keys.length === 0) return anything;
    const alone = (key: string, ...beside: readonly string[]): unknown => {
      const other = keys.find((found) => found !== key && !beside.includes(found));
      if (other) throw refusal(at, `"${other}" beside "${key}" is not supported; write one of them`);
      return of[key];
    };
    if ("$ref" in of) return reference(alone("$ref"), at);
    if ("const" in of) return values([alone("const", "type")], of, at);
    if ("enum" in of) return values(listOf(alone("enum", "type"), at, "enum"), of, at);
    const union = (["anyOf", "oneOf", "allOf"] as const).find((key) => key in of);
    if (union) {
      const parts = listOf(alone(union), at, union);
      if (union === "allOf" && parts.length > 1) throw refusal(at, '"allOf" of several is not supported; join them');
      if (union === "oneOf") checkDisjoint(parts, at);
      return choice(...parts.map((part, i) => value(part, `${at}/${union}/${i}`)));
    }
    return choice(...typesOf(of, at).map((type) => typed[type]!(of, at)));
  }

  function reference(pointer: unknown, at: string): Grammar {
    const target = pointed(schema, pointer);
    if (target === undefined)
      throw refusal(at, `"$ref" is ${JSON.stringify(pointer)}; expected a place in this schema`);
    const to = pointer as string;
    const before = named.get(to);
    if (before) return before;
    const rule: Grammar = { type: "rule", of: nothing };
    named.set(to, rule);
    rule.of = value(target, to);
    return rule;
  }

  function values(all: readonly unknown[], of: Schema, at: string): Grammar {
    const types = "type" in of ? typesOf(of, at) : undefined;
    const fitting = all.filter((one) => !types || types.some((type) => isOf(type, one)));
    if (fitting.length === 0) throw refusal(at, "none of the values is of the type");
    return choice(...fitting.map(literal));
  }

  const typed: Readonly<Record<string, (of: Schema, at: string) => Grammar>> = {
    string: (of, at) => (how === "plain" ? string(of, at) : quoted(string(of, at))),
    number: (of, at) => number(of, at, false),
    integer: (of, at) => number(of, at, true),
    boolean: () => choice(literal(true), literal(false)),
    null: () => literal(null),
    array,
    object,
  };

  function string(of: Schema, at: string): Grammar {
    const { pattern, format } = of;
    const [least, most] = range(of, "minLength", "maxLength", at);
    if (pattern === undefined && format === undefined) return repeat(anyCharacter(how), least, most);
    if ("minLength" in of || "maxLength" in of)
      throw refusal(at, "a length beside a pattern or format is not supported");
    if (pattern !== undefined && typeof pattern !== "string") throw refusal(at, '"pattern" is no string');
    const known = typeof format === "string" && Object.hasOwn(formats, format) ? formats[format] : undefined;
    if (pattern !== undefined) return patternGrammar(pattern, at, how);
    if (known !== undefined) return patternGrammar(known, at, how);
    const supported = Object.keys(formats).join(", ");
    throw refusal(at, `"format" ${JSON.stringify(format)} is not supported; supported: ${supported}`);
  }

  function number(of: Schema, at: string, whole: boolean): Grammar {
    const bounds = keysOf.number!.filter((key) => key in of);
    if (!whole && bounds.length === 0) return anyNumber;
    const limit = whole ? mostWhole : mostBound;
    for (const key of bounds)
      if (!Number.isSafeInteger(of[key]) || Math.abs(of[key] as number) > limit)
        throw refusal(at, `"${key}" is ${JSON.stringify(of[key])}; expected a whole number up to ${limit}`);
    const { minimum = -mostWhole, maximum = mostWhole, ...open } = of as Record<string, number>;
    const [above, under] = [open.exclusiveMinimum ?? -Infinity, open.exclusiveMaximum ?? Infinity];
    const [from, to] = [Math.max(minimum, above), Math.min(maximum, under)];
    const [fromOpen, toOpen] = [above >= minimum, under <= maximum];
    if (from > to || (from === to && (fromOpen || toOpen))) throw refusal(at, "there is no number between the bounds");
    return whole
      ? wholeGrammar(from + (fromOpen ? 1 : 0), to - (toOpen ? 1 : 0))
      : decimalGrammar({ from, fromOpen, to, toOpen });
  }

  function array(of: Schema, at: string): Grammar {
    const { prefixItems: first = [], items } = of;
    if (!Array.isArray(first)) throw refusal(at, '"prefixItems" is no list');
    const [least, most] = range(of, "minItems", "maxItems", at);
    const closed = items === false || (first.length > 0 && items === undefined);
    if (most < first.length || (closed && least > first.length))
      throw refusal(at, "no list has so many items and no others");
    const fixed = first.map((item, i) => value(item, `${at}/prefixItems/${i}`));
    const begun = fixed.map((item, i) => (i === 0 ? item : sequence(comma, item)));
    if (closed || most === first.length) return between("[", sequence(...begun), "]");
    const item = value(items ?? true, `${at}/items`);
    const more = (from: number): Grammar => repeat(sequence(comma, item), Math.max(0, least - from), most - from);
    if (fixed.length) return between("[", sequence(...begun, more(fixed.length)), "]");
    const one = sequence(item, more(1));
    return between("[", least > 0 ? one : maybe(one), "]");
  }

  function object(of: Schema, at: string): Grammar {
    const { properties = {}, required = [], additionalProperties = true, propertyNames } = of;
    if (!isSchema(properties)) throw refusal(at, '"properties" is no object');
    if (!Array.isArray(required)) throw refusal(at, '"required" is no list');
    if (propertyNames !== undefined && JSON.stringify(propertyNames) !== '{"type":"string"}')
      throw refusal(at, '"propertyNames" is not supported');
    const needed = new Set<unknown>(required);
    const unnamed = required.find((name) => !Object.hasOwn(properties, name));
    if (unnamed !== undefined) throw refusal(at, `"required" names ${JSON.stringify(unnamed)}, "properties" does not`);
    const names = Object.keys(properties);
    if (names.length === 0 && additionalProperties !== false)
      return between("{", some(sequence(text, colon, value(additionalProperties, `${at}/additionalProperties`))), "}");
    // What may follow a property, and what may stand where none does yet.
    let [rest, first] = [empty, empty];
    for (const name of names.reverse()) {
      const held = value(properties[name], `${at}/properties/${pointerPart(name)}`);
      const pair = sequence(word(JSON.stringify(name)), colon, held, rest);
      const left = needed.has(name) ? [] : [first, rest];
      first = choice(pair, ...left.slice(0, 1));
      rest = choice(sequence(comma, pair), ...left.slice(1));
    }
    return between("{", first, "}");
  }

  const { length } = JSON.stringify(schema) ?? "";
  if (length > mostCharacters) throw refusal("#", `is ${length} characters, the limit is ${mostCharacters}`);
  return value(schema, "#");
}

/** The counts of two keys, by default from 0 without end. */
function range(of: Schema, low: string, high: string, at: string): [number, number] {
  const [least = 0, most = Number.POSITIVE_INFINITY] = [low, high].map((key) => {
    const n = of[key] as number | undefined;
    if (n === undefined || (Number.isSafeInteger(n) && n >= 0)) return n;
    throw refusal(at, `"${key}" is ${JSON.stringify(n)}; expected a whole number from 0`);
  });
  if (least > most) throw refusal(at, `"${low}" is more than "${high}"`);
  return [least, most];
}

/** The keys of a schema that say what a value may be. */
const constraints = (of: Schema): string[] =>
  Object.keys(of).filter((key) => !silent.has(key) && !key.startsWith("x-"));

const refusal = (at: string, what: string): RequestError => new RequestError(`schema: ${at}: ${what}`);

export const isSchema = (of: unknown): of is Schema => typeof of === "object" && of !== null && !Array.isArray(of);

function checkKeys(of: Schema, at: string): void {
  const other = constraints(of).find((key) => !known.includes(key));
  if (other !== undefined) throw refusal(at, `"${other}" is not supported; supported: ${known.join(", ")}`);
}

/** The types that a schema names, else the one of which its keys speak, else all. */
export function typesOf(of: Schema, at: string): string[] {
  const spoken = Object.keys(keysOf).filter((type) => keysOf[type]!.some((key) => key in of));
  const types = "type" in of ? [of.type].flat() : spoken.slice(0, 1);
  const wrong = types.find((type) => typeof type !== "string" || !Object.hasOwn(keysOf, type));
  if (wrong === undefined && types.length > 0) return [...new Set(types as string[])];
  throw refusal(at, `"type" is ${JSON.stringify(of.type)}; expected some of ${Object.keys(keysOf).join(", ")}`);
}

function isOf(type: string, value: unknown): boolean {
  if (type === "null") return value === null;
  if (type === "integer") return Number.isInteger(value);
  if (type === "array") return Array.isArray(value);
  return type === "object" ? isSchema(value) : typeof value === type;
}

function listOf(list: unknown, at: string, key: string): readonly unknown[] {
  if (Array.isArray(list) && list.length > 0) return list;
  throw refusal(at, `"${key}" is no list of at least one`);
}

/** The part of a schema at a pointer like #/$defs/item (RFC 6901); undefined where there is none. */
export function pointed(schema: unknown, pointer: unknown): unknown {
  if (typeof pointer !== "string" || !/^#(\/|$)/.test(pointer)) return undefined;
  return pointer
    .split("/")
    .slice(1)
    .reduce<unknown>((of, part) => {
      const key = unescaped(part).replaceAll("~1", "/").replaceAll("~0", "~");
      return typeof of === "object" && of !== null && Object.hasOwn(of, key) ? (of as Schema)[key] : undefined;
    }, schema);
}

/** A part of a URL as it is meant; as it stands where it is none. */
function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A name as a part of such a pointer. */
export const pointerPart = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** Throws unless no value can be of two of them: their types differ, or a property that both require is a different constant. */
function checkDisjoint(parts: readonly unknown[], at: string): void {
  const kinds = parts.map((part) => (isSchema(part) && "type" in part ? typesOf(part, at) : undefined));
  const constants = (part: unknown): [string, string][] =>
    !isSchema(part) || !isSchema(part.properties) || !Array.isArray(part.required)
      ? []
      : Object.entries(part.properties).flatMap(([name, of]): [string, string][] =>
          isSchema(of) && "const" in of && (part.required as unknown[]).includes(name)
            ? [[name, JSON.stringify(of.const)]]
            : [],
        );
  const apart = (i: number, j: number): boolean => {
    const [a, b] = [kinds[i], kinds[j]];
    const alike = (x: string, y: string): boolean => x === y || [x, y].sort().join() === "integer,number";
    if (a && b && !a.some((x) => b.some((y) => alike(x, y)))) return true;
    const other = new Map(constants(parts[j]));
    return constants(parts[i]).some(([name, one]) => other.has(name) && other.get(name) !== one);
  };
  for (const i of parts.keys())
    for (let j = 0; j < i; j++)
      if (!apart(i, j)) throw refusal(at, '"oneOf" of what may be alike is not supported; write "anyOf"');
}
