/** The header of a safetensors file: which tensor lies at which bytes. Pure: bytes in, entries out, and back. */
import { FormatError } from "../errors.ts";

/** Stored number types by the name the format gives them, with the bytes one number takes. */
export const dtypeBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** Name of a stored number type. */
export type Dtype = keyof typeof dtypeBytes;

/** Where one tensor lies: `offset` and `length` are bytes, the offset counted from the start of the file. */
export interface Entry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** What a header says: tensors by key, in the order of the header, and the free text its writer left. */
export interface Header {
  readonly entries: Map<string, Entry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Longest header that is read: 100 MB, the limit of the format. */
const maxHeaderBytes = 100_000_000;

const count = (n: number | bigint): string => n.toLocaleString("en-US");

/** Bytes of the JSON text after the 8 bytes of its length. Throws FormatError where the file cannot hold that many. */
export function headerLength(first8: Uint8Array, fileSize: number, name: string): number {
  if (first8.length < 8 || fileSize < 8)
    throw new FormatError(
      `${name}: cut short: the file has ${count(fileSize)} bytes, a header needs 8; download it again`,
    );
  const length = new DataView(first8.buffer, first8.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes))
    throw new FormatError(
      `${name}: header is ${count(length)} bytes, limit ${count(maxHeaderBytes)}; this is no safetensors file`,
    );
  if (8n + length > BigInt(fileSize))
    throw new FormatError(
      `${name}: cut short: the header ends at byte ${count(8n + length)}, the file has ${count(fileSize)}; download it again`,
    );
  return Number(length);
}

/** The checked header of a safetensors file. bytes: the file from its start, at least to the end of the header;
 *  fileSize: bytes of the whole file. Throws FormatError unless every tensor has a known type, a length that fits its
 *  shape, and bytes of its own, and the tensors fill the file without a gap. */
export function parseHeader(bytes: Uint8Array, fileSize: number, name: string): Header {
  const length = headerLength(bytes, fileSize, name);
  const start = 8 + length;
  if (bytes.length < start)
    throw new FormatError(`${name}: header ends at byte ${count(start)}, ${count(bytes.length)} bytes were read of it`);
  const json = headerJson(bytes.subarray(8, start), name);
  const { __metadata__: notes, ...tensors } = json;
  const entries = new Map<string, Entry>();
  for (const [key, value] of Object.entries(tensors)) entries.set(key, entry(key, value, start, name));
  checkLayout(entries, start, fileSize, name);
  return { entries, metadata: metadata(notes, name) };
}

function headerJson(bytes: Uint8Array, name: string): Record<string, unknown> {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${name}: header is not JSON text (${(cause as Error).message})`, { cause });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new FormatError(`${name}: header is not a JSON object; expected tensors by key`);
  const seen = new Set<string>();
  for (const key of topLevelKeys(text)) {
    if (seen.has(key)) throw new FormatError(`${name}: "${key}" stands twice in the header; expected once`);
    seen.add(key);
  }
  return json as Record<string, unknown>;
}

/** Keys of the outermost object of valid JSON, repeats included: JSON.parse keeps the last of them in silence. */
function topLevelKeys(json: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let last = "";
  for (let i = 0; i < json.length; i++) {
    const char = json[i]!;
    if (char === "{" || char === "[") depth++;
    if (char === "}" || char === "]") depth--;
    if ("{}[]:,".includes(char)) last = char;
    if (char !== '"') continue;
    const begin = i++;
    for (; json[i] !== '"'; i++) if (json[i] === "\\") i++;
    if (depth === 1 && last !== ":") keys.push(JSON.parse(json.slice(begin, i + 1)));
  }
  return keys;
}

function entry(key: string, value: unknown, start: number, name: string): Entry {
  const where = `${name}: "${key}"`;
  if (typeof value !== "object" || value === null)
    throw new FormatError(`${where} is ${JSON.stringify(value)}; expected { dtype, shape, data_offsets }`);
  const { dtype, shape, data_offsets: range } = value as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(dtypeBytes, dtype))
    throw new FormatError(
      `${where} has dtype ${JSON.stringify(dtype)}; expected one of ${Object.keys(dtypeBytes).join(", ")}`,
    );
  if (!isSizes(shape))
    throw new FormatError(`${where} has shape ${JSON.stringify(shape)}; expected a list of whole numbers`);
  if (!isSizes(range) || range.length !== 2 || range[0]! > range[1]!)
    throw new FormatError(`${where} has data_offsets ${JSON.stringify(range)}; expected [begin, end]`);
  const length = range[1]! - range[0]!;
  const expected = shape.reduce((product, size) => product * size, dtypeBytes[dtype as Dtype]);
  if (length !== expected)
    throw new FormatError(
      `${where} has ${count(length)} bytes; ${dtype} of shape [${shape.join(", ")}] takes ${count(expected)}`,
    );
  return { dtype: dtype as Dtype, shape, offset: start + range[0]!, length };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function checkLayout(entries: Map<string, Entry>, start: number, fileSize: number, name: string): void {
  const sorted = [...entries].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  const promised = sorted.reduce((end, [, { offset, length }]) => Math.max(end, offset + length), start);
  if (promised > fileSize)
    throw new FormatError(
      `${name}: cut short: header promises ${count(promised)} bytes, the file has ${count(fileSize)}; download it again`,
    );
  let end = start;
  let before = "the header";
  for (const [key, { offset, length }] of sorted) {
    if (offset < end)
      throw new FormatError(
        `${name}: "${key}" begins at byte ${count(offset)}, inside ${before}, which ends at ${count(end)}`,
      );
    if (offset > end)
      throw new FormatError(
        `${name}: ${count(offset - end)} bytes between ${before} and "${key}" belong to no tensor; the header is damaged`,
      );
    end = offset + length;
    before = `"${key}"`;
  }
  if (end < fileSize)
    throw new FormatError(
      `${name}: header promises ${count(end)} bytes, the file has ${count(fileSize)}; download it again`,
    );
}

function metadata(notes: unknown, name: string): Record<string, string> {
  if (notes === undefined) return {};
  if (typeof notes !== "object" || notes === null || Object.values(notes).some((note) => typeof note !== "string"))
    throw new FormatError(`${name}: __metadata__ is ${JSON.stringify(notes)?.slice(0, 80)}; expected text by name`);
  return notes as Record<string, string>;
}

/** The first bytes of a safetensors file that holds these tensors one after the other, in the given order; padded with
 *  spaces so that the first tensor begins at a multiple of 8 bytes. */
export function formatHeader(
  tensors: Iterable<readonly [key: string, tensor: { readonly dtype: Dtype; readonly shape: readonly number[] }]>,
  notes: Readonly<Record<string, string>> = {},
): Uint8Array {
  const members = Object.keys(notes).length === 0 ? [] : [`"__metadata__":${JSON.stringify(notes)}`];
  let begin = 0;
  for (const [key, { dtype, shape }] of tensors) {
    const end = begin + shape.reduce((product, size) => product * size, dtypeBytes[dtype]);
    members.push(`${JSON.stringify(key)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
    begin = end;
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}
