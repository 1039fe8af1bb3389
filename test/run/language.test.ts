/** Pixels and ids to tokens, against the authors' own code (golden/mini_monkey_e2e). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scm } from "../../src/compress/scm.ts";
import type { Engine, Session } from "../../src/graph/engine.ts";
import { miniMonkey } from "../../src/models/mini-monkey.ts";
import { watch } from "../../src/run/attention.ts";
import { languageGraph, type VisualPromptIds } from "../../src/run/language.ts";
import { openSight, sightGraph } from "../../src/run/sight.ts";
import { survivors } from "../../src/run/survivors.ts";
import { type OpenSeat, openSeat } from "../support/language.ts";
import { reference } from "../support/reference.ts";

const { config, w, engine, input, output } = reference("mini_monkey_e2e");
const model = miniMonkey(config);
const words = model.language(w);
const placeholder = 150;
const d = config.llm_config.hidden_size;
let language: OpenSeat;
let prompt: VisualPromptIds;

beforeAll(async () => {
  const sight = await openSight(engine, sightGraph(w, model), model);
  const features = await sight.see(Float32Array.from(input("pixel_values")), []);
  await sight.close();
  prompt = { ids: input("input_ids"), features };
  language = await openSeat(engine, languageGraph(words), model, placeholder);
});
afterAll(() => language.close());

/** The likeliest tokens, one after the other, and the logits they were chosen from. */
async function greedy(given: VisualPromptIds, count: number): Promise<[number[], number[]]> {
  const [ids, all]: [number[], number[]] = [[], []];
  let logits = await language.prefill(given);
  for (;;) {
    all.push(...logits);
    ids.push(logits.indexOf(Math.max(...logits)));
    if (ids.length === count) return [ids, all];
    logits = await language.step(ids.at(-1)!);
  }
}

/** max |a − b| / max |b|. */
function gap(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  const far = a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
  return far / b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}

describe("the authors' code", () => {
  test("writes the same tokens from the same logits", async () => {
    const [ids, logits] = await greedy(prompt, 12);
    expect(ids).toEqual(output("greedy_tokens_no_scm"));
    expect(gap(logits, output("step_logits_no_scm"))).toBeLessThan(1e-4);
  });

  test("writes the same tokens after its own SCM", async () => {
    const watched = watch(engine, words, placeholder);
    const kept = await scm({ ratio: 0.5, reference: true }).keep(watched.prompt(prompt, [{ from: 0, to: 3 * 2 * 4 }]));
    await watched.close();
    const shorter = survivors(prompt, placeholder, kept);
    expect(shorter.ids).toEqual(output("kept_indices_scm").map((at) => prompt.ids[at]));
    const [ids, logits] = await greedy(shorter, 12);
    expect(ids).toEqual(output("greedy_tokens_scm"));
    expect(gap(logits, output("step_logits_scm"))).toBeLessThan(1e-4);
  });
});

test("a step with the cache equals the same token in the prompt", async () => {
  const [[first]] = await greedy(prompt, 1);
  const stepped = await language.step(first);
  const whole = await language.prefill({ ...prompt, ids: [...prompt.ids, first] });
  expect(gap([...stepped], [...whole])).toBeLessThan(1e-5);
});

test("a placeholder's id that the model chose itself is a word like any other", async () => {
  await language.prefill(prompt);
  const chosen = await language.step(placeholder);
  await language.prefill(prompt);
  const blind = await language.step(placeholder + 1);
  expect(chosen.every(Number.isFinite)).toBe(true);
  expect(gap([...chosen], [...blind])).toBeGreaterThan(1e-3);
});

test("a text without images is read", async () => {
  const logits = await language.prefill({ ids: [1, 5, 9], features: new Float32Array() });
  expect(logits).toHaveLength(config.llm_config.vocab_size);
});

test("features that are not as many as their places are refused with both numbers", async () => {
  const given = { ids: prompt.ids, features: prompt.features.subarray(d) };
  await expect(async () => language.prefill(given)).rejects.toThrow("places for 44 visual tokens, 43 were given");
});

test("a prompt beyond the model's length is refused with both numbers", async () => {
  const short = await openSeat(engine, languageGraph(words), { ...model, longest: 65 }, placeholder);
  await expect(short.prefill(prompt)).rejects.toThrow(/prompt is 66 tokens long, the model reads 65/);
  await short.close();
});

test("logits that are no numbers end the answer, and leave nothing behind for the next", async () => {
  let spoilt = true;
  const spoiling: Engine = {
    async open(graph) {
      const session = await engine.open(graph);
      const run: Session["run"] = async (feeds) => {
        const results = await session.run(feeds);
        for (const { data } of spoilt ? Object.values(results) : []) (data as Float32Array).fill(Number.NaN);
        return results;
      };
      return { run, close: () => session.close() };
    },
  };
  const open = (engine: Engine) => openSeat(engine, languageGraph(words), model, placeholder);
  const [spoilable, sound] = await Promise.all([open(spoiling), open(engine)]);
  await expect(spoilable.prefill(prompt)).rejects.toThrow("the logits are NaN");
  spoilt = false;
  expect([...(await spoilable.prefill(prompt))]).toEqual([...(await sound.prefill(prompt))]);
  await Promise.all([spoilable.close(), sound.close()]);
});
