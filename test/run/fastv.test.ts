/** FastV in the language model: tokens that deeper layers do not see, against a pass in which they are taken out. */
import { describe, expect, test } from "vitest";
import { fastv, fastvLayer } from "../../src/compress/fastv.ts";
import { input } from "../../src/graph/tensor.ts";
import { byteCache, floatCache } from "../../src/models/cache.ts";
import { internlm2 } from "../../src/models/internlm2.ts";
import { miniMonkey } from "../../src/models/mini-monkey.ts";
import { attentionOf, merged, type TextModel } from "../../src/models/text-model.ts";
import { watch } from "../../src/run/attention.ts";
import { languageGraph, type VisualPromptIds, visual } from "../../src/run/language.ts";
import { seenPart } from "../../src/run/survivors.ts";
import { openSeat } from "../support/language.ts";
import { reference } from "../support/reference.ts";
import { drawn, floats, gap, integers, value } from "../support/values.ts";

const { config, w, engine } = reference("mini_monkey_e2e");
const model = miniMonkey(config);
const { llm_config } = config;
const words = model.language(w);
const placeholder = 150;

// Two pieces of a prompt, with visual tokens on both sides of the border.
const places = 120;
const ids = [
  1,
  5,
  ...Array<number>(50).fill(placeholder),
  9,
  ...Array<number>(70).fill(placeholder),
  3,
  8,
  2,
  11,
  30,
  31,
  4,
];
const sources = Array.from({ length: places }, (_, i) => `a ${i}`);
const prompt: VisualPromptIds = { ids, features: Float32Array.from(drawn([places, model.width], 1).data), sources };
const windows = [{ from: 10, to: 110 }];

async function survivors(): Promise<Int32Array> {
  const watched = watch(engine, words, placeholder);
  const kept = await fastv({ ratio: 0.3 }).keep(watched.prompt(prompt, windows));
  await watched.close();
  return kept;
}

/** The language model's layers from one on, as a model of its own. */
function rest(from: number): TextModel {
  const language = w.language_model;
  const layers = new Proxy(language.model.layers, { get: (layers, i) => layers[Number(i) + from] });
  const { tok_embeddings, norm } = language.model;
  const shorter = { ...llm_config, num_hidden_layers: llm_config.num_hidden_layers - from };
  return internlm2(
    { model: { tok_embeddings, norm, layers }, output: language.output } as unknown as typeof w,
    shorter as Parameters<typeof internlm2>[1],
  );
}

/** Logits of the last token where only those at `stay` go on behind layer K. */
async function taken(all: readonly number[], stay: readonly number[]): Promise<ArrayLike<number>> {
  const n = all.length;
  const x = merged(input("ids", [1, n], "i64"), input("features", [places, model.width]), visual, words);
  const positions = (of: string, n: number) => ({ positions: input(of, [1, n], "i64") });
  const below = words.states(x, positions("positions", n))[fastvLayer];
  const left = below
    .rearrange("1 t d -> t d")
    .rows(input("stay", [stay.length], "i64"))
    .rearrange("t d -> 1 t d");
  const last = rest(fastvLayer).states(left, positions("stayed", stay.length)).at(-1)!;
  const session = await engine.open({ logits: words.head(last.slice(1, stay.length - 1, stay.length)) });
  const ids = value([1, n], ...all.map((id) => (id === placeholder ? visual : id)));
  const { logits } = await session.run({
    ids: integers(ids),
    features: floats({ shape: [places, model.width], data: Float64Array.from(prompt.features) }),
    positions: integers(value([1, n], ...all.keys())),
    stay: integers(value([stay.length], ...stay)),
    stayed: integers(value([1, stay.length], ...stay)),
  });
  await session.close();
  return logits.data as Float32Array;
}

describe("deeper layers answer as if the others had been taken out after the second", () => {
  test.each([
    ["floats", floatCache, 2e-5],
    ["bytes", byteCache, 0.02],
  ])("from a cache of %s", async (_, cache, tolerance) => {
    const kept = await survivors();
    // 20 tokens outside the window, 30 inside.
    expect(kept).toHaveLength(50);
    const language = await openSeat(engine, languageGraph(words, cache(words, fastvLayer)), model, placeholder);
    const found = [await language.prefill(seenPart(prompt, places, kept)), await language.step(9)];
    const all = await language.prefill(prompt);
    await language.close();

    let row = 0;
    const stays = new Set(kept);
    const stay = [...ids.keys()].filter((at) => ids[at] !== placeholder || stays.has(row++));
    expect(gap(found[0], await taken(ids, stay))).toBeLessThan(tolerance);
    expect(gap(found[1], await taken([...ids, 9], [...stay, ids.length]))).toBeLessThan(tolerance);
    expect(gap(all, await taken(ids, [...ids.keys()]))).toBeLessThan(tolerance);
    expect(gap(all, found[0])).toBeGreaterThan(2 * tolerance);
  });
});

test("the scores are the mean probability over heads with which every token attends", async () => {
  const watched = watch(engine, words, placeholder);
  const [scores] = await watched.prompt(prompt, windows).attention(fastvLayer - 1, "all");
  await watched.close();
  const n = ids.length;
  const x = merged(input("ids", [1, n], "i64"), input("features", [places, model.width]), visual, words);
  const pass = { positions: input("positions", [1, n], "i64") };
  const session = await engine.open({ seen: attentionOf(words, fastvLayer - 1, x, input("all", [n], "i64"), pass) });
  const counting = value([n], ...Array(n).keys());
  const { seen } = await session.run({
    ids: integers(value([1, n], ...ids.map((id) => (id === placeholder ? visual : id)))),
    features: floats({ shape: [places, model.width], data: Float64Array.from(prompt.features) }),
    positions: integers({ ...counting, shape: [1, n] }),
    all: integers(counting),
  });
  await session.close();
  const at = [...ids.keys()].filter((place) => ids[place] === placeholder);
  const expected = at.slice(10, 110).map((key) => {
    let sum = 0;
    for (let h = 0; h < 4; h++) for (let t = 0; t < n; t++) sum += Number(seen.data[(h * n + t) * n + key]);
    return sum / 4 / (n - at[10]);
  });
  expect(gap(scores, expected)).toBeLessThan(1e-5);
});

test("an aborted signal ends the judging between two pieces of the prompt", async () => {
  const aborted = new AbortController();
  const reads: number[] = [];
  const watched = watch(
    {
      async open(graph) {
        const session = await engine.open(graph);
        return {
          close: () => session.close(),
          run(feeds) {
            reads.push(feeds.ids.data.length);
            aborted.abort();
            return session.run(feeds);
          },
        };
      },
    },
    words,
    placeholder,
  );
  const asked = watched.prompt(prompt, windows, aborted.signal).attention(fastvLayer - 1, "all");
  await expect(asked).rejects.toThrow(/aborted/);
  await watched.close();
  expect(reads).toEqual([128]);
});
