/** Speed and time left as a bar shows them, and large numbers in words. */
import { describe, expect, test } from "vitest";
import { clock, pace } from "../../src/cli/pace.ts";
import { bytesText, countText } from "../../src/weights/quantity.ts";

describe("pace", () => {
  /** The speeds after each [milliseconds, amount]. */
  const speeds = (...looks: [number, number][]): number[] => {
    let at = 0;
    const speed = pace(() => at);
    return looks.map(([time, amount]) => {
      at = time;
      return speed(amount);
    });
  };
  test("is what came, by the time it took; what was there before does not count", () =>
    expect(speeds([0, 5000], [1000, 6000], [2000, 9000])).toEqual([0, 1000, 2000]));
  test("forgets what is more than ten seconds ago", () => {
    const looks = Array.from({ length: 30 }, (_, i): [number, number] => [1000 * i, i < 10 ? 0 : 100 * (i - 10)]);
    expect(speeds(...looks).at(-1)).toBe(100);
  });
  test("is nothing while things go back", () => expect(speeds([0, 500], [1000, 0])).toEqual([0, 0]));
});

test.each([
  [0, "0:00:00"],
  [59.6, "0:01:00"],
  [3723, "1:02:03"],
  [Number.POSITIVE_INFINITY, "?"],
  [Number.NaN, "?"],
])("%d seconds are %s", (seconds, text) => expect(clock(seconds)).toBe(text));

test.each([
  [0, "0 B", "0"],
  [999, "999 B", "999"],
  [1234, "1.23 kB", "1.23 K"],
  [999_999, "1 MB", "1 M"],
  [938_158_976, "938 MB", "938 M"],
  [4_411_571_040, "4.41 GB", "4.41 B"],
  [16.2e9, "16.2 GB", "16.2 B"],
  [2e15, "2000 TB", "2000 T"],
])("%d is %s or %s", (n, bytes, count) => expect([bytesText(n), countText(n)]).toEqual([bytes, count]));
