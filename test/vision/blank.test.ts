/** Which tiles hold nothing. */
import { expect, test } from "vitest";
import { blankTiles, colours } from "../../src/vision/blank.ts";

const size = 4;
/** A tile of one colour, of which some bytes are changed. */
const tile = (colour: readonly number[], changes: Record<number, number> = {}): Uint8Array =>
  Uint8Array.from({ length: 3 * size * size }, (_, i) => changes[i] ?? colour[i % 3]);

test.each([
  ["one colour", tile([255, 255, 255]), 0xffffff, 1],
  ["one colour whose channels differ", tile([10, 200, 3]), 0x0ac803, 1],
  ["noise of 8 in one channel", tile([100, 100, 100], { 47: 108 }), undefined, 1],
  ["noise of 8, up and down", tile([100, 100, 100], { 0: 104, 3: 96 }), undefined, 1],
  ["a step of 9 in one channel", tile([100, 100, 100], { 46: 109 }), undefined, 0],
  ["a dot", tile([255, 255, 255], { 20: 0 }), undefined, 0],
])("%s", (_, pixels, colour, blank) => {
  const three = Uint8Array.from([...tile([1, 2, 3], { 5: 99 }), ...pixels, ...tile([0, 0, 255])]);
  expect(colours(three, size)).toEqual([undefined, colour, 0x0000ff]);
  expect([...blankTiles(three, size)]).toEqual([0, blank, 1]);
});
