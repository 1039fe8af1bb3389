/** Who sees whom. */
import { expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import { input, iota } from "../../src/graph/tensor.ts";
import { attention, bias, causal, places, sameSegment } from "../../src/nn/attention.ts";
import { drawn, gap, value } from "../support/values.ts";

test("a query sees the keys up to its own place", () => {
  const y = causal(places(2, 3), 5);
  expect([...evaluate({ y }, {}).y.data]).toEqual([1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1]);
});

test("segment 0 is seen by all, any other by its own, padding by none", () => {
  const segments = input("segments", [1, 5], "i64");
  const y = sameSegment(segments, segments);
  expect([...evaluate({ y }, { segments: value([1, 5], 0, 1, 2, 1, -1) }).y.data]).toEqual(
    [
      [1, 0, 0, 0, 0],
      [1, 1, 0, 1, 0],
      [1, 0, 1, 0, 0],
      [1, 1, 0, 1, 0],
      [1, 0, 0, 0, 0],
    ].flat(),
  );
});

test("attention is the mean of the visible values, weighted by e^(q·k/√d)", () => {
  const [t, s, e] = [2, 3, 4];
  const feeds = { q: drawn([t, e], 1), k: drawn([s, e], 2), v: drawn([s, e], 3) };
  const visible = causal(iota(t), s);
  const y = attention(input("q", [t, e]), input("k", [s, e]), input("v", [s, e]), bias(visible));
  const expected: number[] = [];
  for (let i = 0; i < t; i++) {
    const weights = Array.from({ length: i + 1 }, (_, j) => {
      let product = 0;
      for (let x = 0; x < e; x++) product += feeds.q.data[i * e + x] * feeds.k.data[j * e + x];
      return Math.exp(product / Math.sqrt(e));
    });
    const sum = weights.reduce((a, b) => a + b);
    for (let x = 0; x < e; x++) expected.push(weights.reduce((y, w, j) => y + (w / sum) * feeds.v.data[j * e + x], 0));
  }
  expect(gap(evaluate({ y }, feeds).y.data, expected)).toBeLessThan(1e-12);
});
