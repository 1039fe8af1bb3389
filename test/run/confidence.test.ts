/** Answers that are not shown at once: only short ones, only where the model does not trust them, and never a text that is read. */
import { expect, test } from "vitest";
import { confidenceIn, logProbability, trusted } from "../../src/run/confidence.ts";
import type { Generated } from "../../src/run/generate.ts";

const config = { scale: 1, bias: 1.5, least: 0.4 };

/** Says these pieces, each of one token of probability p; what is shown, and what is not. */
async function shown(
  pieces: string[],
  p: number,
  question = "What is the total?",
  confidence: typeof config | undefined = config,
) {
  const made: Generated = {
    answer: pieces.join(""),
    shown: [],
    finishReason: "stop",
    ids: [],
    logprobs: [],
    probabilities: pieces.map(() => p),
    promptTokens: 1,
    prefillMs: 0,
    decodeMs: 0,
  };
  const saying = (async function* () {
    for (const text of pieces) yield { text };
    return made;
  })();
  const texts: string[] = [];
  const answer = trusted(saying, question, confidence);
  for (;;) {
    const { done, value } = await answer.next();
    if (done) return { texts, withheld: value.withheld?.text, same: value.made === made };
    texts.push(value.text);
  }
}

const long = Array.from({ length: 20 }, () => "word ");

test.each([
  ["a trusted short answer comes at once", ["29", "5.20"], 0.99, undefined, ["295.20"], undefined],
  ["a doubted one is kept back", ["29", "5.20"], 0.5, undefined, [], "295.20"],
  ["a doubted reading is shown as it comes", ["29", "5.20"], 0.5, "Read all the text.", ["29", "5.20"], undefined],
  ["so is what is asked in other words", ["29", "5.20"], 0.5, "What does it say?", ["29", "5.20"], undefined],
  [
    "a long answer is shown from where it is long",
    long,
    0.5,
    undefined,
    [long.slice(0, 10).join(""), ...long.slice(10)],
    undefined,
  ],
])("%s", async (_, pieces, p, question, texts, withheld) => {
  expect(await shown(pieces, p, question)).toEqual({ texts, withheld, same: true });
});

test("a model that was never fitted shows everything as it comes", async () => {
  const made = (async function* () {
    yield { text: "a" };
    return { probabilities: [0.01] } as unknown as Generated;
  })();
  const answer = trusted(made, "What?", undefined);
  expect((await answer.next()).value).toEqual({ text: "a" });
  expect((await answer.next()).value).not.toHaveProperty("withheld");
});

test("the confidence of log probability 0 under no bias is a half, and falls with it", () => {
  expect(logProbability([0.5, 0.5])).toBeCloseTo(Math.log(0.25), 12);
  const fitted = { scale: 1, bias: 0 };
  expect(confidenceIn(fitted, 0)).toBe(0.5);
  expect(confidenceIn(fitted, Math.log(0.25))).toBeCloseTo(0.2, 12);
});

test("whoever leaves the loop ends the answer that is held back behind it", async () => {
  let ended = false;
  const saying = (async function* () {
    try {
      for (;;) yield { text: "a word that never ends " };
    } finally {
      ended = true;
    }
  })();
  for await (const _ of trusted(saying, "What is it?", config)) break;
  expect(ended).toBe(true);
});
