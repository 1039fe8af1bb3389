import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { type Generated, type GenerateOptions, generate, type LanguageModel } from "../../src/run/generate.ts";
import { byteTokenizer } from "../../src/text/bytes.ts";
import { parseTokenizer } from "../../src/text/tokenizer.ts";
import { concluded, worked } from "../../src/text/worked.ts";

const tokenizer = parseTokenizer(byteTokenizer(), "tokenizer.json");
const end = tokenizer.id("<|im_end|>");

/** A model that says these ids one after the other, each with probability 1/2, and writes down what it is asked. */
function says(ids: readonly number[]): LanguageModel & { readonly asked: (string | number)[] } {
  const asked: (string | number)[] = [];
  let at = 0;
  const logits = (): Promise<Float32Array> => {
    const scores = new Float32Array(tokenizer.size);
    scores[ids[at++ % ids.length]!] = Math.log(tokenizer.size - 1);
    return Promise.resolve(scores);
  };
  return {
    asked,
    prefill: (prompt) => {
      asked.push(prompt.ids.join());
      return logits();
    },
    step: (id) => {
      asked.push(id);
      return logits();
    },
  };
}

async function run(model: LanguageModel, options: Partial<GenerateOptions> = {}): Promise<[string[], Generated]> {
  const pieces: string[] = [];
  const answer = generate(model, { ids: [1, 2, 3] }, tokenizer, { maxTokens: 500, stopIds: [end], ...options });
  for (;;) {
    const { done, value } = await answer.next();
    if (done) return [pieces, value];
    pieces.push(value.text);
  }
}
const text = (whole: string) => [...tokenizer.encode(whole), end];

test("the answer is what the model says up to a stop id, which is no part of it", async () => {
  const model = says(text("Total: 5 €"));
  const [pieces, record] = await run(model);
  const ids = tokenizer.encode("Total: 5 €");
  expect(record).toMatchObject({ answer: "Total: 5 €", finishReason: "stop", ids, promptTokens: 3 });
  expect(pieces.join("")).toBe("Total: 5 €");
  expect(record.probabilities).toHaveLength(ids.length);
  for (const probability of record.probabilities) expect(probability).toBeCloseTo(0.5, 5);
  expect(model.asked).toEqual(["1,2,3", ...ids]);
  expect(record.prefillMs).toBeGreaterThanOrEqual(0);
  expect(record.decodeMs).toBeGreaterThanOrEqual(0);
});

test("pieces never split a character, and joined they are the trimmed answer", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), async (whole) => {
      const ids = Array.from(new TextEncoder().encode(whole), (byte) => byte + 8);
      const [pieces, record] = await run(says([...ids, end]));
      expect(record.answer).toBe(concluded(whole).trim());
      expect(pieces.join("")).toBe(record.answer);
      expect(pieces.every((piece) => piece !== "" && !/\p{Surrogate}/u.test(piece))).toBe(true);
    }),
  );
});

test("what is read off the page first is no part of the answer, nor of its pieces, but of what is probable", async () => {
  const whole = worked("no", ["12.30", "14.00"]);
  const [pieces, record] = await run(says(text(whole)), { stop: ["2.3"] });
  expect(pieces.join("")).toBe("no");
  expect(record).toMatchObject({ answer: "no", shown: ["12.30", "14.00"], finishReason: "stop" });
  expect(record.probabilities).toHaveLength(whole.length);
  const [none, cut] = await run(says(text(whole)), { maxTokens: 8 });
  expect(none).toEqual([]);
  expect(cut).toMatchObject({ answer: "", shown: ["12.30", "1"], finishReason: "length" });
});

test("maxTokens ends the answer with its text complete, and no token is computed for nothing", async () => {
  const model = says(text("abcdef"));
  const [, record] = await run(model, { maxTokens: 3 });
  expect(record).toMatchObject({ answer: "abc", finishReason: "length", ids: tokenizer.encode("abc") });
  expect(model.asked).toHaveLength(3);
  expect((await run(says(text("€")), { maxTokens: 2 }))[1]).toMatchObject({ answer: "\ufffd", finishReason: "length" });
});

test("maxTokens 0 gives an empty answer and asks the model nothing", async () => {
  const model = says([end]);
  expect(await run(model, { maxTokens: 0 })).toEqual([
    [],
    {
      answer: "",
      shown: [],
      finishReason: "length",
      ids: [],
      probabilities: [],
      logprobs: [],
      promptTokens: 3,
      prefillMs: 0,
      decodeMs: 0,
    },
  ]);
  expect(model.asked).toEqual([]);
});

test("an answer that ends at once is empty", async () => {
  expect(await run(says([end]))).toMatchObject([[], { answer: "", finishReason: "stop", ids: [] }]);
});

test("a stop string ends the answer before it, though it comes in several tokens", async () => {
  const model = says(text("one STOP two"));
  const [pieces, record] = await run(model, { stop: ["STOP"] });
  expect(record).toMatchObject({ answer: "one", finishReason: "stop", ids: tokenizer.encode("one STOP") });
  expect(pieces.join("")).toBe("one");
  expect((await run(says(text("one STO")), { stop: ["STOP"] }))[1].answer).toBe("one STO");
});

test("endless repetition ends as a loop", async () => {
  const [, record] = await run(says(tokenizer.encode("and so on ")), { maxTokens: 10_000 });
  expect(record.finishReason).toBe("loop");
  expect(record.ids.length).toBeLessThanOrEqual(256);
});

test("the penalty looks at the answer so far", async () => {
  const [, record] = await run(
    { prefill: async () => Float32Array.of(1, 2, 1.5), step: async () => Float32Array.of(1, 2, 1.5) },
    { maxTokens: 3, repetitionPenalty: 3, stopIds: [] },
  );
  expect(record.ids).toEqual([1, 2, 0]);
});

describe("an abort", () => {
  test("before the first token asks the model nothing and throws the reason", async () => {
    const model = says(text("a"));
    await expect(run(model, { signal: AbortSignal.abort() })).rejects.toThrow(
      expect.objectContaining({ name: "AbortError" }),
    );
    expect(model.asked).toEqual([]);
  });

  test("ends the answer within one token, from inside a step or between pieces", async () => {
    for (const inside of [true, false]) {
      const abort = new AbortController();
      const reason = new Error("enough");
      const model = says(tokenizer.encode("abcdefgh"));
      const step = (id: number) => {
        if (inside && id === 8 + 98) abort.abort(reason);
        return model.step(id);
      };
      const watched = { ...model, step };
      const pieces: string[] = [];
      const reading = async () => {
        for await (const piece of generate(watched, { ids: [1] }, tokenizer, {
          maxTokens: 50,
          stopIds: [],
          signal: abort.signal,
        })) {
          pieces.push(piece.text);
          if (!inside && piece.text === "b") abort.abort(reason);
        }
      };
      await expect(reading()).rejects.toBe(reason);
      expect(pieces).toEqual(["a", "b"]);
      expect(model.asked.length).toBeLessThanOrEqual(3);
    }
  });
});

test.each<[Partial<GenerateOptions>, RegExp]>([
  [{ maxTokens: -1 }, /max_tokens is -1; expected a whole number from 0/],
  [{ maxTokens: 1.5 }, /max_tokens is 1.5/],
  [{ stop: ["a", ""] }, /stop holds ""/],
  [{ topP: 7 }, /top_p is 7/],
])("options %j are refused before the model is asked", async (options, message) => {
  const model = says([end]);
  await expect(run(model, options)).rejects.toThrow(RequestError);
  await expect(run(model, options)).rejects.toThrow(message);
  expect(model.asked).toEqual([]);
});
