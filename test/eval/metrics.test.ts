/** Scores of small sets, worked out by hand. */
import { describe, expect, test } from "vitest";
import { calibrationError, characterErrorRate, exact } from "../../src/eval/metrics.ts";
import { distance } from "../../src/text/distance.ts";

test.each([
  ["kitten", "sitting", 3],
  ["", "abc", 3],
  ["flaw", "lawn", 2],
  ["same", "same", 0],
  ["£5", "€5", 1],
  ["a😀b", "ab", 1],
])("the distance of %j and %j is %i", (a, b, d) => {
  expect(distance(a, b)).toBe(d);
  expect(distance(b, a)).toBe(d);
});

describe("an answer is right", () => {
  test.each([
    ["12.40", "12.40", true],
    [" 12.40\n", "12.40", true],
    ["Tea  Room", "tea room", true],
    ["12.4", "12.40", false],
    ["", "0", false],
  ])("%j for %j: %s", (answer, truth, right) => expect(exact(answer, truth)).toBe(right));
});

test("the character error rate pools readings by length, not by reading", () => {
  const readings = [
    { answer: "a", truth: "b" },
    { answer: "abcdefghi", truth: "abcdefghi" },
  ];
  expect(characterErrorRate(readings)).toBeCloseTo(1 / 10, 12);
  expect(characterErrorRate([{ answer: "one\ntwo", truth: "one two" }])).toBe(0);
});

test("calibration error weighs the gap of each bin by its size", () => {
  const sure = Array.from({ length: 8 }, (_, i) => ({ probability: 0.95, right: i < 6 }));
  const unsure = Array.from({ length: 2 }, (_, i) => ({ probability: 0.55, right: i < 1 }));
  expect(calibrationError([...sure, ...unsure])).toBeCloseTo((8 * 0.2 + 2 * 0.05) / 10, 12);
  expect(calibrationError([{ probability: 1, right: true }])).toBeCloseTo(0, 12);
});
