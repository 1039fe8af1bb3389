/** Every kind of whole model answers from a folder: through MSAC's tiles, with half of the detailed tokens, from its cache. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { input } from "../../src/graph/tensor.ts";
import { wholes } from "../../src/models/index.ts";
import { languageGraph } from "../../src/run/language.ts";
import { openModel } from "../../src/run/model.ts";
import { readModel } from "../../src/run/models.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { kinds } from "../support/kinds.ts";
import { openSeat } from "../support/language.ts";
import { tinyWhole } from "../support/tiny-model.ts";
import { gap, integers, value } from "../support/values.ts";
import { golden } from "../vision/golden.ts";

const root = mkdtempSync(join(tmpdir(), "galago-wholes-"));
afterAll(() => rmSync(root, { recursive: true }));

test("every entry of the list of models is among the kinds", () => {
  expect(new Set(kinds.map(([, { model_type }]) => model_type))).toEqual(new Set(Object.keys(wholes)));
});

describe.each(kinds)("%s", (kind, config, perTile) => {
  const folder = tinyWhole(join(root, kind), config);

  test("answers with MSAC and SCM", async () => {
    const model = await openModel(folder, { threads: 1, tiles: "msac", scm: 0.5 });
    const images = [{ name: "noise", image: fileURLToPath(golden("resize/noise_33x47.png")) }];
    const messages = [{ role: "user", content: "<image>\nWhat?" }] as const;
    const answering = model.answer({ images, messages }, { maxTokens: 4 });
    let step = await answering.next();
    while (!step.done) step = await answering.next();
    await model.close();
    // 6 detailed tiles, of which half the tokens stay, 4 adaptive ones and a global.
    expect(step.value.usage).toMatchObject({ visual_tokens: 11 * perTile, visual_tokens_kept: 8 * perTile });
    expect(step.value.probability).toBeGreaterThan(0);
  });

  test("reads a prompt in pieces, and a token behind it, as without a cache", async () => {
    const engine = ortNode({ folder, threads: 1 });
    const checkpoint = openCheckpoint(folder);
    const whole = readModel(folder);
    const model = whole.language(weights(checkpoint));
    const ids = Array.from({ length: 600 }, (_, i) => 8 + ((7 * i) % 250));
    const language = await openSeat(engine, languageGraph(model), whole, -1);
    const found = [await language.prefill({ ids, features: new Float32Array() }), await language.step(9)];
    await language.close();

    const all = [...ids, 9];
    for (const [i, n] of [600, 601].entries()) {
      const pass = { positions: input("positions", [1, n], "i64") };
      const last = model.states(model.embed(input("ids", [1, n], "i64")), pass).at(-1)!;
      const session = await engine.open({ logits: model.head(last.slice(1, n - 1, n)) });
      const feed = (numbers: Iterable<number>) => integers(value([1, n], ...numbers));
      const { logits } = await session.run({ ids: feed(all.slice(0, n)), positions: feed(Array(n).keys()) });
      expect(gap(found[i], logits.data as Float32Array)).toBeLessThan(2e-5);
      await session.close();
    }
    checkpoint.close();
  });
});
