/** Taking values out of an image field by field: small models answer questions, but do not write JSON. Each value of a schema is asked for by itself, and what
 *  the answers say is put together. */
import { choice, type Grammar, sequence, word } from "../text/grammar.ts";
import { isSchema, pointed, pointerPart, type Schema, schemaGrammar, typesOf } from "../text/schema.ts";
import { lacking } from "../text/tasks.ts";
import { readings } from "../text/worked.ts";
import { silent, timeOf } from "./again.ts";
import type { AnswerRecord, Field, Piece } from "./answer.ts";

/** A value that is asked for. */
export interface Leaf {
  readonly path: string;
  readonly question: string;
  /** What the answer is held to, as a person would write it; absent for any text. `key` names it. */
  readonly held?: { readonly key: string; readonly grammar: () => Grammar };
  /** Whether it may be null, and whether it need not be there. */
  readonly nullable: boolean;
  readonly optional: boolean;
  /** The value of an answer, in JSON. */
  json(text: string): string;
}

/** A schema of values by name, which may be named in groups. */
export interface Form {
  readonly parts: readonly { readonly name: string; readonly of: Form | Leaf }[];
}

/** An answer to a question about a value: its text, the probability that it is right, 0 where it did not end of itself, and whether that is too little. */
export interface Found {
  readonly text: string;
  readonly confidence: number;
  readonly doubted: boolean;
  readonly record: AnswerRecord;
}

/** The form of a schema; undefined for one with lists, choices or what refers to itself, which cannot be asked for by questions. */
export function formOf(schema: unknown): Form | undefined {
  const root = part(schema, schema, { path: "", name: "", optional: false }, 0);
  return root && "parts" in root && holdsValue(root) ? root : undefined;
}

const holdsValue = (of: Form | Leaf): boolean => !("parts" in of) || of.parts.some((held) => holdsValue(held.of));

/** Deeper groups are taken for what refers to itself. */
const mostDepth = 8;

/** Where a part of a schema stands. */
interface Place {
  readonly path: string;
  readonly name: string;
  readonly optional: boolean;
}

function part(whole: unknown, schema: unknown, place: Place, depth: number): Form | Leaf | undefined {
  if (!isSchema(schema) || depth > mostDepth) return undefined;
  const { nullable, ...of } = withoutNull(schema);
  if ("$ref" in of.schema) return part(whole, pointed(whole, of.schema.$ref), place, depth + 1);
  const { type, properties, required = [], description } = of.schema;
  if (type === "object" && isSchema(properties) && Array.isArray(required) && !nullable) {
    const parts = Object.entries(properties).map(([name, held]) => {
      const at = { path: `${place.path}/${pointerPart(name)}`, name, optional: !required.includes(name) };
      const found = part(whole, held, at, depth + 1);
      return found && { name, of: found };
    });
    return parts.every((held) => held !== undefined) ? { parts } : undefined;
  }
  const isValue = "enum" in of.schema || "const" in of.schema || /^(string|number|integer|boolean)$/.test(String(type));
  return isValue ? leaf(of.schema, asked(place.name, description), { ...place, nullable }) : undefined;
}

/** A schema without null among what it allows. */
function withoutNull(schema: Schema): { schema: Schema; nullable: boolean } {
  const { anyOf, ...rest } = schema;
  const isNull = (of: unknown): boolean => isSchema(of) && of.type === "null";
  if (Array.isArray(anyOf) && anyOf.length === 2 && anyOf.some(isNull)) {
    const other = anyOf.find((of) => !isNull(of));
    return { schema: isSchema(other) ? { ...rest, ...other } : schema, nullable: true };
  }
  if (!Array.isArray(schema.type) || !schema.type.includes("null")) return { schema, nullable: false };
  const types = schema.type.filter((type) => type !== "null");
  const { enum: values, ...others } = schema;
  const left = Array.isArray(values) ? { ...others, enum: values.filter((value) => value !== null) } : others;
  return { schema: { ...left, type: types.length === 1 ? types[0] : types }, nullable: true };
}

/** A description that is a question, or asks for a reading, is asked as it stands; of another, or of the name alone, it is asked what that is. */
function asked(name: string, description: unknown): string {
  const words = name
    .replaceAll(/([a-z\d])([A-Z])/g, "$1 $2")
    .replaceAll(/[_-]+/g, " ")
    .toLowerCase();
  const told = typeof description === "string" && description.trim() !== "" ? description.trim() : words;
  if (/\?$|^read\b/i.test(told)) return told;
  const noun = told.replace(/\.$/, "").replace(/^(the|an?) /i, "");
  return `What is the ${noun.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())}?`;
}

function leaf(schema: Schema, question: string, { path, nullable, optional }: Omit<Leaf, "question" | "json">): Leaf {
  const { title: _, description: __, ...bare } = schema;
  const free = JSON.stringify(bare) === '{"type":"string"}';
  const values = "const" in schema ? [schema.const] : (schema.enum as unknown[] | undefined);
  const type = Array.isArray(values) ? "one of" : typesOf(schema, `#${path}`)[0];
  const mayLack = nullable || optional;
  const grammar = (): Grammar => {
    const yesOrNo = choice(...["yes", "no", "Yes", "No"].map(word));
    const said = type === "boolean" ? sequence(readings(), yesOrNo) : schemaGrammar(bare, "plain");
    return mayLack ? choice(said, word(lacking)) : said;
  };
  const json = (text: string): string => {
    if (type === "one of") return JSON.stringify(values!.find((value) => plain(value) === text));
    if (type === "boolean") return String(/^y/i.test(text));
    return type === "string" ? JSON.stringify(text) : text;
  };
  const held = free ? {} : { held: { key: `plain ${mayLack} ${JSON.stringify(bare)}`, grammar } };
  return { path, question, nullable, optional, json, ...held };
}

/** A value as people write it. */
const plain = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** The record of a form whose values are asked for one after the other; yields its JSON as it grows. A value that the model does not trust, or says is not
 *  there, or that did not end, is left out where it need not be there, else null where it may be. `ask` is told how many tokens of all answers are left: where none is, the whole
 *  is cut. */
export async function* extracted(
  form: Form,
  maxTokens: number,
  ask: (leaf: Leaf, maxTokens: number) => AsyncGenerator<Piece, Found>,
): AsyncGenerator<Piece, AnswerRecord> {
  const fields: Field[] = [];
  const records: AnswerRecord[] = [];
  let left = maxTokens;
  let written = "";

  const write = (text: string): Piece => {
    written += text;
    return { text };
  };

  /** Writes the value that is asked for behind `before`, or nothing; false where it was cut. */
  async function* value(leaf: Leaf, before: string): AsyncGenerator<Piece, boolean> {
    const { text, confidence, doubted, record } = yield* silent(ask(leaf, left));
    records.push(record);
    left -= record.usage.completion_tokens;
    const lacks = doubted || text === lacking;
    const stands = !leaf.held || (lacks && (leaf.optional || leaf.nullable));
    if (record.finish_reason !== "stop" && !(left > 0 && stands)) {
      yield write(before);
      return false;
    }
    if (lacks && leaf.optional) return true;
    const json = lacks && leaf.nullable ? "null" : leaf.json(text);
    yield write(before + json);
    fields.push({ path: leaf.path, value: JSON.parse(json), confidence });
    return true;
  }

  async function* group({ parts }: Form, before: string): AsyncGenerator<Piece, boolean> {
    yield write(`${before}{`);
    const length = written.length;
    for (const { name, of } of parts) {
      const behind = `${written.length > length ? ", " : ""}${JSON.stringify(name)}: `;
      const whole = yield* "parts" in of ? group(of, behind) : value(of, behind);
      if (!whole) return false;
    }
    yield write("}");
    return true;
  }

  const whole = yield* group(form, "");
  const finish_reason = whole ? "stop" : "length";
  return { ...joined(records), answer: written, finish_reason, fields: whole ? fields : null };
}

/** One record of several answers about the same images. */
function joined(records: readonly AnswerRecord[]): AnswerRecord {
  const last = records.at(-1)!;
  const sum = (of: (record: AnswerRecord) => number): number =>
    records.reduce((total, record) => total + of(record), 0);
  const tokens = sum(({ usage }) => usage.completion_tokens);
  const mean = sum(({ probability, usage }) => (probability ?? 0) * usage.completion_tokens) / tokens;
  return {
    ...last,
    shown: records.flatMap(({ shown }) => shown),
    probability: tokens > 0 ? mean : null,
    log_probability: sum((record) => record.log_probability),
    ...(last.logprobs && { logprobs: records.flatMap(({ logprobs = [] }) => logprobs) }),
    usage: {
      ...last.usage,
      prompt_tokens: sum(({ usage }) => usage.prompt_tokens),
      cached_tokens: sum(({ usage }) => usage.cached_tokens),
      completion_tokens: tokens,
    },
    timing_ms: timeOf(records),
  };
}
