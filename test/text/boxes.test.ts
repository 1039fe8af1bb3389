import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { type Box, boxesIn, hundredthsOf } from "../../src/text/boxes.ts";

const size = { width: 200, height: 1000 };

test("boxes of a part of an image are told in the image, and asked about in the part", () => {
  const part = { x: 50, y: 400, width: 100, height: 200 };
  expect(boxesIn("{<10><20><30><40>}", part)).toEqual([{ phrase: null, box: [60, 440, 80, 480] }]);
  expect(hundredthsOf([60, 440, 80, 480], part)).toBe("{<10><20><30><40>}");
  expect(() => hundredthsOf([40, 440, 80, 480], part)).toThrow(
    "box 40,440,80,480 is none of the 100 x 200 image from 50,400",
  );
});

describe("boxes in an answer", () => {
  test.each<[string, string, [string | null, Box][]]>([
    ["one alone", "{<10><20><30><40>}", [[null, [20, 200, 60, 400]]]],
    ["one behind its phrase", "<p> a cup </p> {<0><0><100><100>}", [["a cup", [0, 0, 200, 1000]]]],
    [
      "several of a phrase",
      "<p>cups</p> {<1><2><3><4>}<delim>{<5><6><7><8>}",
      [
        ["cups", [2, 20, 6, 40]],
        ["cups", [10, 60, 14, 80]],
      ],
    ],
    [
      "phrases within a sentence",
      "<p>a cup</p> {<10><20><30><40>} on <p>a table</p>{<0><50><99><99>}. {<1><1><2><2>}",
      [
        ["a cup", [20, 200, 60, 400]],
        ["a table", [0, 500, 198, 990]],
        [null, [2, 10, 4, 20]],
      ],
    ],
    ["a phrase without one", "<p>a cup</p> stands on the table", []],
    ["InternVL's", "<ref>a cup</ref><box>[[100, 200, 300, 400]]</box>", [["a cup", [20, 200, 60, 400]]]],
    [
      "InternVL's, several and alone",
      "<box>[[0, 0, 500, 500], [500,500,1000,1000]]</box>",
      [
        [null, [0, 0, 100, 500]],
        [null, [100, 500, 200, 1000]],
      ],
    ],
    [
      "numbers beyond the edge, corners in no order",
      "{<90><250><10><99999999999999999999>}",
      [[null, [20, 1000, 180, 1000]]],
    ],
    ["what is no box", "{<1><2><3>} [1, 2, 3, 4] <box>[1, 2]</box> {<-1><2><3><4>} {<1.5><2><3><4>}", []],
  ])("%s", (_, text, expected) => {
    expect(boxesIn(text, size)).toEqual(expected.map(([phrase, box]) => ({ phrase, box })));
  });

  const piece = fc.oneof(
    fc.constantFrom(
      "<p>",
      "</p>",
      "<ref>",
      "</ref>",
      "<box>",
      "</box>",
      "{<",
      "><",
      ">}",
      "<delim>",
      "[[",
      "]]",
      ",",
      " ",
    ),
    fc.nat(2000).map(String),
    fc.string({ maxLength: 3 }),
    fc.tuple(fc.nat(200), fc.nat(200), fc.nat(200), fc.nat(200)).map((edges) => `{<${edges.join("><")}>}`),
  );
  test("of any text lie within the image", () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.integer({ min: 1, max: 9000 }),
        fc.integer({ min: 1, max: 9000 }),
        (pieces, width, height) => {
          for (const { box } of boxesIn(pieces.join(""), { width, height })) {
            const [x1, y1, x2, y2] = box;
            expect(0 <= x1 && x1 <= x2 && x2 <= width && 0 <= y1 && y1 <= y2 && y2 <= height).toBe(true);
          }
        },
      ),
    );
  });
});

describe("a box in a question", () => {
  test("is rounded down to hundredths of the image", () => {
    expect(hundredthsOf([3, 999, 200, 1000], size)).toBe("{<1><99><100><100>}");
  });

  test("comes back around what it was, within a hundredth", () => {
    const edge = fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 99 })).map(([a, n]) => [a, Math.min(100, a + n)]);
    fc.assert(
      fc.property(edge, edge, ([x1, x2], [y1, y2]) => {
        const box: Box = [2 * x1, 10 * y1, 2 * x2, 10 * y2];
        const [back] = boxesIn(hundredthsOf(box, size), size);
        back.box.forEach((value, i) => {
          expect(box[i] - value).toBeGreaterThanOrEqual(-1e-9);
          expect(box[i] - value).toBeLessThanOrEqual((i % 2 ? 10 : 2) + 1e-9);
        });
      }),
    );
  });

  test.each<[string, Box]>([
    ["beyond the edge", [0, 0, 201, 10]],
    ["in no order", [10, 0, 5, 10]],
    ["without a number", [Number.NaN, 0, 5, 10]],
    ["of three numbers", [0, 0, 5] as unknown as Box],
  ])("%s is a RequestError", (_, box) => {
    expect(() => hundredthsOf(box, size)).toThrow(RequestError);
    expect(() => hundredthsOf(box, size)).toThrow(/is none of the 200 x 1000 image; expected LEFT,TOP,RIGHT,BOTTOM/);
  });
});
