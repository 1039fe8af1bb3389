/** Turns at an engine, in the order in which runs begin: a page of many tiles and a short question, and what each waits for. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/graph/engine.ts";
import type { AnswerRecord, Piece } from "../../src/run/answer.ts";
import { openModel } from "../../src/run/model.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { takingTurns } from "../../src/run/turns.ts";
import { tinyConfig, tinyModel } from "../support/tiny-model.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-turns-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("runs", () => {
  /** Several who ask for a number of runs each, one after the other; the order in which they were had. */
  async function order(...wants: readonly (readonly [name: string, way: "read" | "write", runs: number])[]) {
    const turns = takingTurns();
    const had: string[] = [];
    let under = 0;
    const one = async (name: string, way: "read" | "write", runs: number): Promise<void> => {
      for (let i = 0; i < runs; i++)
        await turns[way](async () => {
          expect(++under).toBe(1);
          await new Promise(setImmediate);
          had.push(name);
          under--;
        });
    };
    await Promise.all(wants.map((want) => one(...want)));
    return had.join("");
  }

  test("alternate between reading and writing as long as both are wanted", async () => {
    expect(await order(["r", "read", 6], ["w", "write", 4])).toBe("wrwrwrwrrr");
  });

  test("of several readers alternate, whoever came first", async () => {
    expect(await order(["a", "read", 4], ["b", "read", 2])).toBe("ababaa");
    expect(await order(["a", "read", 3], ["b", "read", 2], ["w", "write", 3])).toBe("wawbwaba");
  });

  test("that fail are told to who wanted them, and the next is had", async () => {
    const { read } = takingTurns();
    const outcomes = await Promise.allSettled([read(() => Promise.reject(new Error("no"))), read(async () => 1)]);
    expect(outcomes).toMatchObject([{ reason: { message: "no" } }, { value: 1 }]);
  });
});

describe("a model that answers two at once", () => {
  const config = { ...tinyConfig(), force_image_size: 224 };
  config.vision_config = { ...config.vision_config, image_size: 224 };
  const width = 4 * 224;
  const height = 3 * 224;
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 7919) % 251);
  const page = {
    images: [{ name: "page", image: { data, width, height } }],
    messages: [{ role: "user", content: "<image>?" }],
  } as const;
  const short = { images: [], messages: [{ role: "user", content: "Hi." }] } as const;

  /** Notes each run: T a batch of tiles, P a piece of a prompt, s a step. */
  const noting = (engine: Engine, runs: string[]): Engine => ({
    async open(graph) {
      const session = await engine.open(graph);
      return {
        run: (feeds) => {
          runs.push(feeds.pixels ? "T" : feeds.ids.shape[1] > 1 ? "P" : "s");
          return session.run(feeds);
        },
        close: () => session.close(),
      };
    },
  });

  async function whole(answer: AsyncGenerator<Piece, AnswerRecord>, end = () => {}): Promise<AnswerRecord> {
    for (;;) {
      const { done, value } = await answer.next();
      if (!done) continue;
      end();
      return value;
    }
  }

  test("reads a page of 13 tiles between the words of a short answer, one run each", async () => {
    const runs: string[] = [];
    const model = await openModel(tinyModel(join(folder, "tiny"), { config }), { threads: 1, batch: 2 }, (options) =>
      noting(ortNode(options), runs),
    );
    const long = whole(model.answer(page, { maxTokens: 3, tiles: "dynamic:12..12" }));
    while (!runs.includes("T")) await new Promise(setImmediate);
    const from = runs.length;
    let ended = 0;
    const quick = whole(model.answer(short, { maxTokens: 8 }), () => {
      ended = runs.length;
    });
    const [{ usage }] = await Promise.all([long, quick]);
    await model.close();
    expect(usage).toMatchObject({ visual_tokens: 13 * 64 });
    // The page takes 4 batches of tiles and 7 pieces: none of them is had twice between two words of the short answer, which ends long before it is read.
    const shared = runs.slice(from, ended).join("");
    expect(shared.replaceAll(/[^s]/g, "")).toHaveLength(7);
    expect(shared.slice(shared.indexOf("s"))).toMatch(/^(s[TP]?)+$/);
    expect(shared.slice(0, shared.indexOf("s")).length).toBeLessThanOrEqual(3);
    expect(runs.slice(ended).filter((run) => run !== "s").length).toBeGreaterThanOrEqual(1);
    expect(runs.filter((run) => run === "T")).toHaveLength(4);
  });

  test("reads no further piece of a prompt whose signal is aborted", async () => {
    const runs: string[] = [];
    const model = await openModel(join(folder, "tiny"), { threads: 1 }, (options) => noting(ortNode(options), runs));
    const reason = new Error("enough");
    const abort = new AbortController();
    const answer = whole(model.answer(page, { tiles: "dynamic:12..12" }, abort.signal));
    answer.catch(() => undefined);
    while (runs.filter((run) => run === "P").length < 2) await new Promise(setImmediate);
    abort.abort(reason);
    await expect(answer).rejects.toBe(reason);
    expect(runs.filter((run) => run === "P")).toHaveLength(2);
    expect((await whole(model.answer(short, { maxTokens: 2 }))).usage.completion_tokens).toBe(2);
    await model.close();
  });
});
