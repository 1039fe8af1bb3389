/** Answers behind what was read off the page first. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { automaton, choice, sequence, word } from "../../src/text/grammar.ts";
import { concluded, readings, worked, workedStream } from "../../src/text/worked.ts";

/** Any text without the two marks. */
const plain = fc
  .string({ unit: "grapheme", maxLength: 12 })
  .filter((text) => !["\u001e", "\u001f"].some((mark) => text.includes(mark)));

/** A text in pieces of the given lengths. */
function streamed(text: string, sizes: readonly number[]): { answer: string; shown: readonly string[] } {
  const stream = workedStream();
  let answer = "";
  let at = 0;
  for (const size of [...sizes, text.length]) answer += stream.push(text.slice(at, (at += size)));
  return { answer, shown: stream.shown };
}

test("what a model is taught to write comes apart again, however it is cut", () => {
  fc.assert(
    fc.property(
      plain,
      fc.array(plain, { maxLength: 4 }),
      fc.array(fc.nat(5), { maxLength: 9 }),
      (answer, shown, sizes) => {
        const text = worked(answer, shown);
        expect(streamed(text, sizes)).toEqual({ answer, shown });
        expect(concluded(text)).toBe(answer);
      },
    ),
  );
});

test.each([
  ["a mark in the middle of a text is text", "a\u001eb\u001fc", "a\u001eb\u001fc", []],
  ["a text that is cut while it reads has no answer", "\u001e12.30\u001e4", "", ["12.30", "4"]],
  ["an answer may be empty", "\u001e12.30\u001f", "", ["12.30"]],
  ["what an answer holds is its own", "\u001e1\u001fa\u001fb", "a\u001fb", ["1"]],
])("%s", (_, text, answer, shown) => {
  expect(streamed(text, [])).toEqual({ answer, shown });
  expect(streamed(text, Array(text.length).fill(1))).toEqual({ answer, shown });
  expect(concluded(text)).toBe(answer);
});

describe("held to a grammar, before its answer", () => {
  const held = automaton(sequence(readings(), choice(word("yes"), word("no"))));
  const fits = (text: string): boolean => {
    const bytes = [...new TextEncoder().encode(text)];
    return (
      bytes.reduce<ReturnType<typeof held.step>>((state, byte) => state && held.step(state, byte), held.start)?.ends ===
      true
    );
  };
  test.each([
    ["yes", true],
    [worked("no", ["12.30"]), true],
    [worked("yes", ["Größe 4", "€ 7"]), true],
    [worked("yes", [""]), true],
    [worked("perhaps", ["12.30"]), false],
    ["\u001e12.30yes", false],
    ["\u001fyes", false],
    ["12.30\u001fyes", false],
  ])("%j may be said: %s", (text, is) => {
    expect(fits(text)).toBe(is);
  });
});
