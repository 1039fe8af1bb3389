import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { formatHeader, parseHeader } from "../../src/weights/header.ts";

/** A file as the format defines it, written by hand: u64 length, JSON text, data. */
function file(json: string | object, data = 0): Uint8Array {
  const text = new TextEncoder().encode(typeof json === "string" ? json : JSON.stringify(json));
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 8);
  return bytes;
}

const a = (shape: unknown, offsets: unknown, dtype: unknown = "F32") => ({ dtype, shape, data_offsets: offsets });

test("entries hold absolute offsets, whatever their order, and the metadata", () => {
  const bytes = file(
    { __metadata__: { format: "pt" }, b: a([2, 1], [4, 12]), "x.y": a([], [0, 4]), none: a([0, 3], [12, 12]) },
    12,
  );
  const start = bytes.length - 12;
  const { entries, metadata } = parseHeader(bytes, bytes.length, "m");
  expect(metadata).toEqual({ format: "pt" });
  expect([...entries]).toEqual([
    ["b", { dtype: "F32", shape: [2, 1], offset: start + 4, length: 8 }],
    ["x.y", { dtype: "F32", shape: [], offset: start, length: 4 }],
    ["none", { dtype: "F32", shape: [0, 3], offset: start + 12, length: 0 }],
  ]);
});

test("a key that JavaScript gives a meaning is a key like any other", () => {
  const bytes = file('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1);
  expect([...parseHeader(bytes, bytes.length, "m").entries.keys()]).toEqual(["__proto__"]);
});

describe("a damaged header is refused in a sentence that says what is wrong", () => {
  test.each<[string, Uint8Array, RegExp]>([
    ["no bytes", new Uint8Array(), /m: cut short: the file has 0 bytes, a header needs 8/],
    [
      "a header beyond the limit",
      Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0),
      /m: header is 4,294,967,296 bytes, limit 100,000,000/,
    ],
    [
      "a header beyond the file",
      Uint8Array.of(100, 0, 0, 0, 0, 0, 0, 0, 123),
      /cut short: the header ends at byte 108, the file has 9/,
    ],
    ["no JSON", file("{"), /header is not JSON/],
    ["no UTF-8", Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0x22, 0xff, 0xfe, 0x22), /header is not JSON text/],
    ["a list", file("[]"), /not a JSON object/],
    ["a tensor that is a number", file({ w: 3 }), /"w" is 3; expected/],
    [
      "an unknown dtype",
      file({ w: a([1], [0, 1], "F8_E4M3") }, 1),
      /"w" has dtype "F8_E4M3"; expected one of F64, F32/,
    ],
    ["an inherited dtype", file({ w: a([1], [0, 1], "toString") }, 1), /"w" has dtype "toString"/],
    ["a negative size", file({ w: a([-1], [0, 4]) }, 4), /"w" has shape \[-1\]/],
    ["a broken size", file({ w: a([1.5], [0, 6]) }, 6), /"w" has shape \[1.5\]/],
    ["offsets backwards", file({ w: a([1], [4, 0]) }, 4), /"w" has data_offsets \[4,0\]/],
    ["one offset", file({ w: a([1], [0]) }, 4), /"w" has data_offsets \[0\]/],
    [
      "a length that is not the shape's",
      file({ w: a([2, 2], [0, 12]) }, 12),
      /"w" has 12 bytes; F32 of shape \[2, 2\] takes 16/,
    ],
    [
      "a file cut short",
      file({ w: a([1000], [0, 4000]) }, 10),
      /m: cut short: header promises 4,06\d bytes, the file has 7\d; download it again/,
    ],
    ["an overlap", file({ v: a([2], [0, 8]), w: a([1], [4, 8]) }, 8), /"w" begins at byte \d+, inside "v"/],
    ["a gap", file({ v: a([1], [0, 4]), w: a([1], [8, 12]) }, 12), /4 bytes between "v" and "w" belong to no tensor/],
    ["bytes too many", file({ v: a([1], [0, 4]) }, 9), /header promises \d+ bytes, the file has \d+/],
    [
      "a tensor twice",
      file(
        '{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0077":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
        2,
      ),
      /"w" stands twice/,
    ],
    ["metadata that is no text", file({ __metadata__: { n: 1 } }), /__metadata__ is {"n":1}; expected text/],
  ])("%s", (_, bytes, message) => {
    expect(() => parseHeader(bytes, bytes.length, "m")).toThrow(FormatError);
    expect(() => parseHeader(bytes, bytes.length, "m")).toThrow(message);
  });
});

test("a written header is read back, and its data begin at a multiple of 8 bytes", () => {
  const shape = fc.array(fc.nat(4), { maxLength: 3 });
  const tensor = fc.record({ dtype: fc.constantFrom("F32", "BF16", "I64", "U8" as const), shape });
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: "grapheme" }), tensor),
      fc.dictionary(fc.string(), fc.string()),
      (tensors, notes) => {
        const { __metadata__, ...named } = tensors;
        const bytes = formatHeader(Object.entries(named), notes);
        const size = { F32: 4, BF16: 2, I64: 8, U8: 1 };
        const data = Object.values(named).reduce(
          (sum, t) => sum + t.shape.reduce((p, n) => p * n, size[t.dtype as "U8"]),
          0,
        );
        const { entries, metadata } = parseHeader(bytes, bytes.length + data, "m");
        expect(bytes.length % 8).toBe(0);
        expect(new Map([...entries].map(([k, { dtype, shape }]) => [k, { dtype, shape }]))).toEqual(
          new Map(Object.entries(named)),
        );
        expect({ ...metadata }).toEqual({ ...notes });
      },
    ),
  );
});

test("damaged bytes are read or refused with a FormatError, nothing else", () => {
  const whole = file({ __metadata__: { k: "v" }, v: a([2], [0, 8]), w: a([1, 3], [8, 14], "BF16") }, 14);
  const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(damage, fc.nat(whole.length), (changes, cut) => {
      const bytes = whole.slice(0, cut % 3 === 0 ? cut : undefined);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      try {
        parseHeader(bytes, bytes.length, "m");
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
    { numRuns: 500 },
  );
});
