import { expect, test } from "vitest";
import { pageRanges } from "../../src/vision/ranges.ts";

test.each([
  ["3", [[3, 3]]],
  ["2-5", [[2, 5]]],
  [
    "1,3-5",
    [
      [1, 1],
      [3, 5],
    ],
  ],
  [
    "7-7, 2",
    [
      [7, 7],
      [2, 2],
    ],
  ],
])("%s names pages in its own order", (words, ranges) => {
  expect(pageRanges(words, "a.pdf").map(({ first, last }) => [first, last])).toEqual(ranges);
});

test.each([
  ["", '"" is no list of pages; expected one as 3, 2-5 or 1,3-5'],
  ["two", '"two" is no list of pages'],
  ["1,", '"1," is no list of pages'],
  ["1,,3", '"1,,3" is no list of pages'],
  ["2-", '"2-" is no list of pages'],
  ["1-2-3", '"1-2-3" is no list of pages'],
  ["-1", '"-1" is no list of pages'],
  ["1.5", '"1.5" is no list of pages'],
  ["1234567", '"1234567" is no list of pages'],
  ["1,5-3", "pages 5 to 3 are in no order; expected FIRST-LAST"],
  ["1,2,1", "page 1 is named twice; name each page once"],
  ["4,2-5", "page 4 is named twice"],
  ["9,1-3,2-4", "page 2 is named twice"],
])('"%s" names none', (words, message) => {
  expect(() => pageRanges(words, "a.pdf")).toThrow(`"a.pdf": ${message}`);
});

test("hundreds of thousands of pages that somebody sends are judged within seconds", () => {
  const words = Array.from({ length: 300_000 }, (_, i) => 999_999 - i).join();
  const begun = performance.now();
  expect(pageRanges(words, "a.pdf")).toHaveLength(300_000);
  expect(() => pageRanges(`${words},800000`, "a.pdf")).toThrow("page 800000 is named twice");
  expect(performance.now() - begun).toBeLessThan(10_000);
});
