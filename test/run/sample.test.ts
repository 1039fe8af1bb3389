import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineError, RequestError } from "../../src/errors.ts";
import { type SampleOptions, sampler } from "../../src/run/sample.ts";

const softmax = (logits: readonly number[], temperature = 1): number[] => {
  const max = Math.max(...logits);
  const masses = logits.map((logit) => Math.exp((logit - max) / temperature));
  const total = masses.reduce((a, b) => a + b);
  return masses.map((mass) => mass / total);
};

/** How often each id comes out of n draws. */
function frequencies(logits: readonly number[], options: SampleOptions, n = 4000, previous: number[] = []): number[] {
  const next = sampler({ seed: 5, ...options });
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < n; i++) counts[next(Float32Array.from(logits), previous).id]!++;
  return counts.map((count) => count / n);
}

/** 5 standard deviations of a share p of 4000 draws. */
const near = (p: number) => 5 * Math.sqrt((p * (1 - p)) / 4000) + 1e-9;

const logits = [1, 3, 2.5, -1, 0, 3, -4];

test("without a temperature the most likely token is taken, of equals the one with the lowest id", () => {
  expect(sampler()(Float32Array.from(logits), []).id).toBe(1);
  expect(sampler()(new Float32Array(9), []).id).toBe(0);
  expect(sampler({ temperature: 2, topK: 1 })(Float32Array.from(logits), []).id).toBe(1);
  expect(sampler({ temperature: 2, topP: 1e-9 })(Float32Array.from(logits), []).id).toBe(1);
});

test("the probability is the softmax of the unmodified logits, whatever chose the token", () => {
  const plain = softmax(logits);
  for (const options of [{}, { temperature: 3 }, { temperature: 0.5, topK: 2 }, { repetitionPenalty: 4 }]) {
    const { id, probability } = sampler({ seed: 1, ...options })(Float32Array.from(logits), [1, 5]);
    expect(probability).toBeCloseTo(plain[id]!, 6);
  }
});

test.each([0.5, 1, 2])("at temperature %d tokens come as often as their probability says", (temperature) => {
  const shares = frequencies(logits, { temperature });
  for (const [id, p] of softmax(logits, temperature).entries()) expect(Math.abs(shares[id]! - p)).toBeLessThan(near(p));
});

/** The nucleus by its definition: of the subsets that hold enough mass, the smallest of the likeliest. */
function allowed(logits: readonly number[], topK: number, topP: number): Set<number> {
  const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, topK || logits.length);
  const p = softmax(order.map((id) => logits[id]!));
  let size = 1;
  while (size < order.length && p.slice(0, size).reduce((a, b) => a + b) < topP) size++;
  return new Set(order.slice(0, size));
}

test("only the nucleus of the top k is drawn from, and all of it", () => {
  for (const topK of [0, 1, 2, 3, 5, 7, 100])
    for (const topP of [0.1, 0.4, 0.7, 0.75, 0.9, 0.99, 1]) {
      const shares = frequencies(logits, { temperature: 1, topK, topP }, 3000);
      const expected = allowed(logits, topK, topP);
      const drawn = new Set([...shares.keys()].filter((id) => shares[id]! > 0));
      expect([...drawn].every((id) => expected.has(id))).toBe(true);
      const likely = [...expected].filter((id) => softmax(logits)[id]! > 0.005);
      expect(likely.every((id) => drawn.has(id))).toBe(true);
    }
});

test("in a large vocabulary of spread or equal logits the draw stays within the nucleus", () => {
  const values = fc.oneof(
    fc.constant([0]),
    fc.constant([-300, 0]),
    fc.array(fc.integer({ min: -40, max: 5 }), { minLength: 1, maxLength: 30 }),
  );
  fc.assert(
    fc.property(
      values,
      fc.nat(400),
      fc.double({ min: 0.001, max: 1, noNaN: true }),
      fc.nat(),
      (cycle, topK, topP, seed) => {
        const many = Array.from({ length: 300 }, (_, i) => cycle[i % cycle.length]!);
        const { id } = sampler({ temperature: 1, topK, topP, seed })(Float32Array.from(many), []);
        const set = allowed(many, topK, Math.min(1, topP + 1e-9)); // sums in another order differ in the last digits
        expect(set.has(id)).toBe(true);
      },
    ),
  );
});

test("the penalty divides positive and multiplies negative logits of what was said, once", () => {
  const shares = frequencies(logits, { temperature: 1, repetitionPenalty: 2 }, 4000, [1, 1, 3]);
  const changed = [1, 1.5, 2.5, -2, 0, 3, -4];
  for (const [id, p] of softmax(changed).entries()) expect(Math.abs(shares[id]! - p)).toBeLessThan(near(p));
  expect(sampler({ repetitionPenalty: 2 })(Float32Array.from(logits), [1]).id).toBe(5);
});

test("the logits given are left as they were", () => {
  const given = Float32Array.from(logits);
  sampler({ temperature: 0.7, topP: 0.9, topK: 3, repetitionPenalty: 1.3 })(given, [1, 2]);
  expect([...given]).toEqual(logits);
});

test("a seed repeats its tokens", () => {
  const draw = (seed: number) => {
    const next = sampler({ temperature: 1, seed });
    return Array.from({ length: 20 }, () => next(Float32Array.from(logits), []).id).join();
  };
  expect(draw(3)).toBe(draw(3));
  expect(draw(3)).not.toBe(draw(4));
});

test("tokens that the model rules out, at -infinity, are never drawn", () => {
  const shares = frequencies([Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY, -1], { temperature: 100 });
  expect([shares[0], shares[2]]).toEqual([0, 0]);
});

describe("logits that are no distribution are an EngineError", () => {
  test.each([
    [[0, Number.NaN]],
    [[Number.NaN, 0]],
    [[Number.POSITIVE_INFINITY, 0]],
    [[Number.NEGATIVE_INFINITY]],
    [[]],
  ])("%j", (bad) => {
    expect(() => sampler()(Float32Array.from(bad), [])).toThrow(EngineError);
  });
});

describe("an option out of range is a RequestError that names it", () => {
  test.each<[SampleOptions, RegExp]>([
    [{ temperature: -1 }, /temperature is -1; expected a number from 0 to 100/],
    [{ temperature: Number.NaN }, /temperature is NaN/],
    [{ topK: 1.5 }, /top_k is 1.5; expected a whole number from 0/],
    [{ topK: -2 }, /top_k is -2/],
    [{ topP: 0 }, /top_p is 0; expected a number above 0, at most 1/],
    [{ topP: 1.01 }, /top_p is 1.01/],
    [{ repetitionPenalty: 0 }, /repetition_penalty is 0; expected a number from 0.01 to 100/],
    [{ seed: -1 }, /seed is -1/],
  ])("%j", (options, message) => {
    expect(() => sampler(options)).toThrow(RequestError);
    expect(() => sampler(options)).toThrow(message);
  });
});
