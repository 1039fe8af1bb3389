/** Several answers at once: each is what it would be alone, and a run decodes a token of each. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/graph/engine.ts";
import { byteCache, floatCache } from "../../src/models/cache.ts";
import { internlm2 } from "../../src/models/internlm2.ts";
import { miniMonkey } from "../../src/models/mini-monkey.ts";
import type { AnswerOptions, AnswerRecord } from "../../src/run/answer.ts";
import { languageGraph, openLanguage, type Seat, type VisualPromptIds } from "../../src/run/language.ts";
import { type Model, openModel } from "../../src/run/model.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { together } from "../../src/run/together.ts";
import { openSeat } from "../support/language.ts";
import { reference } from "../support/reference.ts";
import { tinyModel } from "../support/tiny-model.ts";
import { drawn, gap } from "../support/values.ts";

const root = mkdtempSync(join(tmpdir(), "galago-batch-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Notes how many rows and tokens each run reads. */
function noting(engine: Engine, runs: (readonly number[])[]): Engine {
  return {
    async open(graph) {
      const session = await engine.open(graph);
      return {
        run: (feeds) => {
          if (feeds.ids) runs.push(feeds.ids.shape);
          return session.run(feeds);
        },
        close: () => session.close(),
      };
    },
  };
}

describe("steps asked for together", () => {
  test("are one run, and those that come meanwhile the next", async () => {
    const groups: (readonly [number, number])[][] = [];
    const step = together(async (ids) => {
      groups.push([...ids]);
      return new Map([...ids].map(([seat, id]) => [seat, Float32Array.of(id)]));
    });
    const first = await Promise.all([step(2, 7), step(0, 5)]);
    expect(first.map(([id]) => id)).toEqual([7, 5]);
    await Promise.all([step(1, 1).then(() => step(1, 2)), step(2, 3).then(() => step(2, 4))]);
    expect(groups).toEqual([
      [
        [2, 7],
        [0, 5],
      ],
      [
        [1, 1],
        [2, 3],
      ],
      [
        [1, 2],
        [2, 4],
      ],
    ]);
  });

  test("fail each by itself, or all where the run fails", async () => {
    let broken = false;
    const step = together(async (ids) => {
      if (broken) throw new Error("out of order");
      return new Map([...ids].map(([seat]) => [seat, seat ? new Error(`seat ${seat}`) : Float32Array.of(1)]));
    });
    const outcomes = async () =>
      (await Promise.allSettled([step(0, 1), step(1, 1)])).map((o) =>
        o.status === "rejected" ? o.reason.message : o.value[0],
      );
    expect(await outcomes()).toEqual([1, "seat 1"]);
    broken = true;
    expect(await outcomes()).toEqual(["out of order", "out of order"]);
    broken = false;
    expect(await outcomes()).toEqual([1, "seat 1"]);
  });
});

const { config, w, engine } = reference("mini_monkey_e2e");
const model = miniMonkey(config);
const words = model.language(w);
const placeholder = 150;

/** Prompts of different lengths, some with images, one longer than a piece. */
const prompts = [3, 40, 200, 9, 131].map((length, i): VisualPromptIds => {
  const visual = i % 2 ? 4 * i : 0;
  const text = Array.from({ length }, (_, at) => (at * (3 + i)) % 140);
  return {
    ids: [1, ...Array<number>(visual).fill(placeholder), ...text],
    features: Float32Array.from(drawn([visual, model.width], i).data),
  };
});

/** The likeliest tokens, one after the other, and the logits they were chosen from. */
async function greedy(seat: Seat, prompt: VisualPromptIds, count: number): Promise<[number[], number[][]]> {
  const ids: number[] = [];
  const all = [[...(await seat.prefill(prompt))]];
  for (;;) {
    ids.push(all.at(-1)!.indexOf(Math.max(...all.at(-1)!)));
    if (ids.length === count) return [ids, all];
    all.push([...(await seat.step(ids.at(-1)!))]);
  }
}

describe("conversations of one language model", () => {
  const stretching = {
    ...config.llm_config,
    rope_scaling: { type: "dynamic", factor: 2 },
    max_position_embeddings: 60,
  };
  const stretched = internlm2(w.language_model, stretching as Parameters<typeof internlm2>[1]);
  test.each([
    ["with a cache of floats", languageGraph(words, floatCache(words))],
    ["with a cache of bytes", languageGraph(words, byteCache(words))],
    ["whose positions stretch, each by its own length", languageGraph(stretched, floatCache(stretched))],
  ])("%s write what each writes alone", async (_, graph) => {
    const runs: (readonly number[])[] = [];
    const language = await openLanguage(noting(engine, runs), graph, model, placeholder, { seats: 4 });
    const counts = [12, 3, 9, 12, 12];
    // The fifth waits for the seat that is left first.
    const found = await Promise.all(
      prompts.map(async (prompt, i) => {
        const seat = await language.take(prompt);
        const said = await greedy(seat, prompt, counts[i]);
        language.leave(seat);
        return said;
      }),
    );
    expect(Math.max(...runs.map(([rows]) => rows))).toBe(4);
    await language.close();
    const alone = await openSeat(engine, graph, model, placeholder);
    for (const [i, prompt] of prompts.entries()) {
      const [ids, logits] = await greedy(alone, prompt, counts[i]);
      expect(found[i][0]).toEqual(ids);
      expect(gap(found[i][1].flat(), logits.flat())).toBeLessThan(1e-5);
    }
    await alone.close();
  });

  test("the seat that has read most of a prompt is taken", async () => {
    const language = await openLanguage(engine, languageGraph(words), model, placeholder, { seats: 3 });
    const seats = await Promise.all(prompts.slice(0, 3).map((prompt) => language.take(prompt)));
    for (const [i, seat] of seats.entries()) await seat.prefill(prompts[i]);
    for (const seat of seats) language.leave(seat);
    const seat = await language.take(prompts[2]);
    expect(seat).toBe(seats[2]);
    await seat.prefill(prompts[2]);
    expect(seat.reused).toBe(128);
    await language.close();
  });
});

async function record(model: Model, text: string, image?: object, options: AnswerOptions = {}): Promise<AnswerRecord> {
  const images = image ? [{ name: "image", image: image as never }] : [];
  const answering = model.answer({ images, messages: [{ role: "user", content: text }] }, options);
  for (;;) {
    const { done, value } = await answering.next();
    if (done) return value;
  }
}

describe.each([
  ["a tiny model", tinyModel(join(root, "tiny")), { tiles: "msac", threads: 1 }, 40],
  ["nano", fileURLToPath(new URL("../../models/nano", import.meta.url)), { tiles: "native:1..2", threads: 1 }, 12],
] as const)("%s", (_, folder, options, maxTokens) => {
  const picture = (i: number) => ({
    data: Uint8Array.from(drawn([3 * 60 * (40 + 9 * i)], i, 0, 256).data),
    width: 60,
    height: 40 + 9 * i,
  });
  const asked = Array.from(
    { length: 6 },
    (_, i) => [`Question ${"?".repeat(1 + 7 * i)}`, i % 3 ? picture(i) : undefined] as const,
  );

  test("answers six questions at once as one after the other", async () => {
    const runs: (readonly number[])[] = [];
    const [alone, at] = await Promise.all([
      openModel(folder, options),
      openModel(folder, { ...options, batch: 4 }, (how) => noting(ortNode(how), runs)),
    ]);
    const found = await Promise.all(
      asked.map(([text, image], i) => record(at, text, image, { maxTokens: maxTokens - i })),
    );
    for (const [i, [text, image]] of asked.entries()) {
      const expected = await record(alone, text, image, { maxTokens: maxTokens - i });
      expect([found[i].answer, found[i].finish_reason]).toEqual([expected.answer, expected.finish_reason]);
      expect(found[i].usage).toEqual({ ...expected.usage, cached_tokens: found[i].usage.cached_tokens });
      expect(found[i].probability).toBeCloseTo(expected.probability!, 5);
    }
    const steps = runs.filter(([, tokens]) => tokens === 1);
    const written = found.reduce((sum, { usage }) => sum + usage.completion_tokens, 0);
    // One after the other every token that is written is a step.
    expect(steps.length).toBeLessThan(written);
    await Promise.all([alone.close(), at.close()]);
  });
});

test.each([0, 1.5, 65])("batch %d is refused", async (batch) => {
  await expect(openModel(tinyModel(join(root, "refused")), { batch })).rejects.toThrow(
    `batch is ${batch}; expected a whole number from 1 to 64`,
  );
});
