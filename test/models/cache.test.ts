/** Attention without a cache, in pieces. */
import { expect, test } from "vitest";
import { evaluate } from "../../src/graph/evaluate.ts";
import { gradients } from "../../src/graph/grad.ts";
import { input } from "../../src/graph/tensor.ts";
import { nothing } from "../../src/models/cache.ts";
import { attention, bias, causal, places, sameSegment } from "../../src/nn/attention.ts";
import { drawn, gap, value } from "../support/values.ts";

test("a long text's pieces see what the whole would, and send back its gradients", () => {
  const [b, k, r, t, e] = [2, 1, 2, 260, 2];
  const [q, keys, values] = [input("q", [b, k, r, t, e]), input("k", [b, k, 1, t, e]), input("v", [b, k, 1, t, e])];
  const segments = input("segments", [b, t], "i64");
  const feeds = {
    q: drawn([b, k, r, t, e], 1),
    k: drawn([b, k, 1, t, e], 2),
    v: drawn([b, k, 1, t, e], 3),
    weight: drawn([b, k, r, t, e], 4),
    segments: value([b, t], ...Array.from({ length: b * t }, (_, i) => (i % t < 150 ? 0 : (i % 3) - 1))),
  };
  const seen = sameSegment(segments, segments)
    .and(causal(places(0, t), t))
    .rearrange("b t s -> b 1 1 t s");
  const outcome = (mixed: typeof q) => {
    const loss = mixed.mul(input("weight", mixed.shape)).sum([0, 1, 2, 3, 4]).reshape([1]);
    const [dq, dk, dv] = gradients(loss, [q, keys, values]);
    return evaluate({ mixed, dq, dk, dv }, feeds);
  };
  const inPieces = outcome(nothing.attending(t, segments)(q, keys, values));
  const whole = outcome(attention(q, keys, values, bias(seen)));
  for (const [name, { data }] of Object.entries(whole))
    expect(gap(inPieces[name].data, data), name).toBeLessThan(1e-12);
});
