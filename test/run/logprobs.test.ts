/** Likelihoods of tokens, against a softmax in doubles and a sort. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkTop, logprobOf } from "../../src/run/logprobs.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { parseTokenizer } from "../../src/text/tokenizer.ts";

const tokenizer = parseTokenizer(byteTokenizer(), "tokenizer.json");
const letter = (text: string) => tokenizer.encode(text)[0];

test("are those of a softmax, the likeliest first, of equals the lowest id", () => {
  const numbers = fc.float({ min: -30, max: 30, noNaN: true });
  const logits = fc.array(fc.oneof(numbers, fc.constant(3)), { minLength: 60, maxLength: tokenizer.size });
  fc.assert(
    fc.property(logits, fc.nat({ max: 20 }), fc.nat({ max: 59 }), (given, top, id) => {
      const values = Float32Array.from(given);
      const total = Math.log([...values].reduce((sum, value) => sum + Math.exp(value), 0));
      const { logprob, top_logprobs } = logprobOf(tokenizer, values, id, top);
      expect(logprob).toBeCloseTo(values[id] - total, 4);
      const order = [...values.keys()].sort((a, b) => values[b] - values[a] || a - b).slice(0, top);
      expect(top_logprobs.map(({ token }) => token)).toEqual(order.map((id) => tokenizer.spelled([id])));
      for (const [i, { logprob }] of top_logprobs.entries()) expect(logprob).toBeCloseTo(values[order[i]] - total, 4);
    }),
  );
});

test("name a token by its text and its bytes, a special one by its name alone", () => {
  const logits = new Float32Array(tokenizer.size);
  logits[tokenizer.id("<|im_end|>")] = 1;
  expect(logprobOf(tokenizer, logits, letter("A"), 1)).toMatchObject({
    token: "A",
    bytes: [65],
    top_logprobs: [{ token: "<|im_end|>", bytes: null }],
  });
});

test.each([-1, 21, 0.5])("%d likeliest are refused", (top) => {
  expect(() => checkTop(top)).toThrow(`top_logprobs is ${top}; expected a whole number from 0 to 20`);
});
