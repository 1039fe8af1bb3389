/** SCM, on scores made by hand and on the authors' own code (golden/scm). */
import { afterAll, describe, expect, test } from "vitest";
import type { VisualPrompt } from "../../src/compress/compression.ts";
import { scm } from "../../src/compress/scm.ts";
import { languageModel } from "../../src/models/mini-monkey.ts";
import { watch } from "../../src/run/attention.ts";
import { reference } from "../support/reference.ts";

/** A prompt whose windows hold these scores, the first window first, with `between` other tokens behind each. */
function prompt(scores: readonly number[][], between = 2): VisualPrompt & { readonly asked: number[] } {
  const asked: number[] = [];
  let from = 0;
  const windows = scores.map(({ length }) => {
    const span = { from, to: from + length };
    from += length + between;
    return span;
  });
  const attention = async (layer: number) => {
    asked.push(layer);
    return scores.map((row) => Float32Array.from(row));
  };
  return { tokens: from, windows, features: new Float32Array(from), attention, likeness: async () => [], asked };
}

describe("scm", () => {
  test.each([
    ["half of four", 0.5, [[1, 4, 2, 3]], [1, 3, 4, 5]],
    ["half of five is two", 0.5, [[5, 1, 4, 2, 3]], [0, 2, 5, 6]],
    ["equal scores keep the lower index", 0.5, [[1, 1, 1, 1]], [0, 1, 4, 5]],
    ["a share below one token keeps none of the window", 0.1, [[1, 2, 3]], [3, 4]],
    [
      "each image has a window of its own",
      0.5,
      [
        [9, 8],
        [1, 2],
      ],
      [0, 2, 3, 5, 6, 7],
    ],
  ] as [string, number, number[][], number[]][])("%s", async (_, ratio, scores, kept) => {
    const given = prompt(scores);
    expect([...(await scm({ ratio }).keep(given))]).toEqual(kept);
    expect(given.asked).toEqual([1]);
  });

  test("the reference also drops the token after the window", async () => {
    expect([...(await scm({ ratio: 0.5, reference: true }).keep(prompt([[1, 4, 2, 3]])))]).toEqual([1, 3, 5]);
  });

  test("ratio 1 keeps everything and asks for no attention", async () => {
    const given = prompt([[3, 1, 2]]);
    expect([...(await scm({ ratio: 1 }).keep(given))]).toEqual([0, 1, 2, 3, 4]);
    expect(given.asked).toEqual([]);
  });

  test.each([0, -0.5, 1.01, Number.NaN])("ratio %d is refused", (ratio) => {
    expect(() => scm({ ratio })).toThrow(`scm is ${ratio}; expected a ratio above 0 and up to 1`);
  });
});

describe("the authors' code", () => {
  const { config, w, engine, input, output } = reference("scm");
  const placeholder = 150;
  const watched = watch(engine, languageModel(w, config), placeholder);
  afterAll(() => watched.close());

  test.each(["case0", "case1", "case2"])("%s: the same scores, and the same tokens are kept", async (name) => {
    const ids = input(`${name}_input_ids`);
    const embeds = input(`${name}_inputs_embeds`);
    const d = config.llm_config.hidden_size;
    const features = Float32Array.from(
      ids.flatMap((id, at) => (id === placeholder ? embeds.slice(at * d, (at + 1) * d) : [])),
    );
    const [columns, rows] = input(`${name}_target_aspect_ratio`);
    const seen = watched.prompt({ ids, features }, [{ from: 0, to: columns * rows * 9 }]);

    const [scores] = await seen.attention(1, "behind");
    const expected = output(`${name}_score`);
    const largest = Math.max(...expected);
    expect(scores).toHaveLength(expected.length);
    for (const [i, score] of scores.entries()) expect(Math.abs(score - expected[i])).toBeLessThan(1e-4 * largest);

    const first = ids.indexOf(placeholder);
    const kept = output(`${name}_kept_indices`);
    const last = first + seen.tokens;
    const visible = kept.filter((at) => at >= first && at < last).map((at) => at - first);
    expect([...(await scm({ ratio: 0.5, reference: true }).keep(seen))]).toEqual(visible);
    const slip = columns * rows * 9;
    const published = [...visible, slip].sort((a, b) => a - b);
    expect([...(await scm({ ratio: 0.5 }).keep(seen))]).toEqual(published);
  });
});
