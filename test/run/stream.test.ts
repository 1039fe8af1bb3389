import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Stage, stopStream, trimStream, utf8Stream } from "../../src/run/stream.ts";

/** The input cut at arbitrary places. */
const cuts = fc.array(fc.nat(9), { maxLength: 40 });
function cut<T extends { length: number; slice(a: number, b: number): T }>(whole: T, sizes: readonly number[]): T[] {
  const pieces: T[] = [];
  let at = 0;
  for (const size of [...sizes, whole.length]) pieces.push(whole.slice(at, (at += size)));
  return pieces;
}
const joined = <T>(stage: Stage<T>, pieces: readonly T[]) =>
  pieces.map((piece) => stage.push(piece)).join("") + stage.flush();

describe("bytes to text", () => {
  test("the pieces joined are the text, and no piece splits a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), cuts, (text, sizes) => {
        const stage = utf8Stream();
        const pieces = cut(new TextEncoder().encode(text), sizes).map((bytes) => stage.push(bytes));
        expect(pieces.join("")).toBe(text);
        expect(pieces.some((piece) => /\p{Surrogate}/u.test(piece))).toBe(false);
        expect(stage.flush()).toBe("");
      }),
    );
  });

  test("arbitrary bytes become what TextDecoder makes of the whole", () => {
    const likely = fc.oneof(fc.constantFrom(0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xff, 0xc0, 0xef, 0xbb, 0xbf), fc.nat(255));
    fc.assert(
      fc.property(fc.array(likely, { maxLength: 30 }), cuts, (list, sizes) => {
        const bytes = Uint8Array.from(list);
        expect(joined(utf8Stream(), cut(bytes, sizes))).toBe(
          new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
        );
      }),
    );
  });

  test("a character is held back until its last byte, and an unfinished one ends as U+FFFD", () => {
    const stage = utf8Stream();
    expect([0xe2, 0x82, 0xac, 0xf0, 0x9f].map((byte) => stage.push(Uint8Array.of(byte)))).toEqual([
      "",
      "",
      "\u20ac",
      "",
      "",
    ]);
    expect(stage.flush()).toBe("\ufffd");
  });
});

describe("stop strings", () => {
  test.each<[string, string[], string[], string, boolean]>([
    ["in one piece", ["a END b"], ["END"], "a ", true],
    ["over three pieces", ["a E", "N", "D b"], ["END"], "a ", true],
    ["begun and not finished", ["a EN", "T"], ["END"], "a ENT", false],
    ["begun at the end", ["a EN"], ["END"], "a EN", false],
    ["begun again within itself", ["aa", "ab"], ["aab"], "a", true],
    ["two, the first complete wins", ["xabcd"], ["abcd", "bc"], "xa", true],
    ["two that end together, the longer wins", ["xabc"], ["c", "abc"], "x", true],
    ["none", ["abc"], [], "abc", false],
  ])("%s", (_, pieces, stop, text, stopped) => {
    const stage = stopStream(stop);
    expect(joined(stage, pieces)).toBe(text);
    expect(stage.stopped).toBe(stopped);
  });

  test("what comes before the stop string does not depend on how the text is cut", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "\n"), maxLength: 24 });
    const stops = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "\n"), minLength: 1, maxLength: 4 }), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(letters, stops, cuts, (text, stop, sizes) => {
        const stage = stopStream(stop);
        const shown = joined(stage, cut(text, sizes));
        const byLetter = stopStream(stop);
        expect(shown).toBe(joined(byLetter, [...text]));
        expect(stage.stopped).toBe(stop.some((word) => text.includes(word)));
        expect(stop.some((word) => shown.includes(word))).toBe(false);
        if (!stage.stopped) expect(shown).toBe(text);
      }),
    );
  });

  test("only what may be the beginning of a stop string is held back", () => {
    const stage = stopStream(["</s>"]);
    expect([stage.push("a<"), stage.push("b</"), stage.push("s"), stage.push("x")]).toEqual(["a", "<b", "", "</sx"]);
  });
});

test("trimmed pieces joined are the trimmed text", () => {
  const text = fc.string({ unit: fc.constantFrom(" ", "\n", "x", "\u3000", "y"), maxLength: 20 });
  fc.assert(
    fc.property(text, cuts, (whole, sizes) => {
      expect(joined(trimStream(), cut(whole, sizes))).toBe(whole.trim());
    }),
  );
});
