/** Tiles of one colour are seen once, and every tile as the tower alone sees it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { miniMonkey } from "../../src/models/mini-monkey.ts";
import { coloursKept, type Eyes, eyesOf } from "../../src/run/eyes.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { openSight, type Sight, sightGraph } from "../../src/run/sight.ts";
import { normalise } from "../../src/vision/tiles.ts";
import type { TilePlan } from "../../src/vision/tilings.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { weights } from "../../src/weights/path.ts";
import { reference } from "../support/reference.ts";
import { tinyConfig, tinyModel } from "../support/tiny-model.ts";
import { drawn, gap } from "../support/values.ts";

const { config, w, engine } = reference("mini_monkey_e2e");
const model = miniMonkey(config);
const { tileSize: s, normal } = model;
const bytes = 3 * s * s;

const noise = (seed: number): Uint8Array => Uint8Array.from(drawn([bytes], seed, 0, 256).data);
const plain = (...colour: number[]): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => colour[i % 3]);
const white = plain(255, 255, 255);
const paper = plain(250, 249, 240);
const side = (tiles: readonly Uint8Array[]): Uint8Array => Uint8Array.from(tiles.flatMap((tile) => [...tile]));
/** Cells from left to right. */
const row = (n: number): TilePlan["tiles"] =>
  Array.from({ length: n }, (_, column) => ({ layer: "detailed", column, row: 0 }));

let tower: Sight;
beforeAll(async () => {
  tower = await openSight(engine, sightGraph(w, model), model);
});
afterAll(() => tower.close());

/** Eyes of the tower, and how many tiles it was shown each time. */
function watching(): { eyes: ReturnType<typeof eyesOf>; shown: number[] } {
  const shown: number[] = [];
  const sight: Sight = {
    ...tower,
    see(pixels, cells, signal) {
      shown.push(pixels.length / bytes);
      return tower.see(pixels, cells, signal);
    },
  };
  return { eyes: eyesOf(sight, model), shown };
}

describe("tiles", () => {
  test.each([
    ["none of one colour", [noise(1), noise(2)], 2],
    ["one of one colour", [noise(1), white], 2],
    ["many of one colour", [white, noise(1), white, white, noise(2), white], 3],
    ["of two colours", [white, paper, white, paper], 2],
    ["the same noise twice", [noise(1), noise(1)], 2],
    ["more than a run takes", [...Array.from({ length: 70 }, (_, i) => noise(i)), white, white], 71],
  ])("%s", async (_, tiles, seen) => {
    const { eyes, shown } = watching();
    const found = await eyes.look(side(tiles), row(tiles.length));
    expect(shown.reduce((sum, n) => sum + n, 0)).toBe(seen);
    const expected = await tower.see(normalise(side(tiles), tiles.length, s, normal), []);
    expect([...found]).toEqual([...expected]);
    expect([...(await eyes.look(side(tiles), row(tiles.length)))]).toEqual([...expected]);
  });

  test("a colour is known from one image to the next, until others came after it", async () => {
    const { eyes, shown } = watching();
    await eyes.look(white, row(1));
    await eyes.look(side([white, noise(1)]), row(2));
    for (let i = 0; i < coloursKept; i++) await eyes.look(plain(i, i, i), row(1));
    await eyes.look(white, row(1));
    expect(shown).toEqual([1, 1, ...Array(coloursKept).fill(1), 1]);
  });

  test("an aborted signal ends it", async () => {
    await expect(watching().eyes.look(white, row(1), AbortSignal.abort("no"))).rejects.toBe("no");
  });
});

describe("eyes that are told where tiles lie", () => {
  const folder = mkdtempSync(join(tmpdir(), "galago-eyes-"));
  const told = miniMonkey(tinyConfig({ visual_position: 3 }));
  const tile = Uint8Array.from({ length: 3 * told.tileSize ** 2 }, (_, i) => i % 251);
  const white = tile.slice().fill(255);
  const [first] = row(1);
  let eyes: Eyes;
  let tower: Sight;
  beforeAll(async () => {
    const w = weights(openCheckpoint(tinyModel(folder, { config: { visual_position: 3 } })));
    tower = await openSight(ortNode({ folder, threads: 1 }), sightGraph(w, told), told);
    eyes = eyesOf(tower, told);
  });
  afterAll(async () => {
    await tower.close();
    rmSync(folder, { recursive: true });
  });
  const looked = async (tiles: Uint8Array, cells: TilePlan["tiles"]): Promise<number[][]> => {
    const features = [...(await eyes.look(tiles, cells))];
    const numbers = features.length / cells.length;
    return cells.map((_, i) => features.slice(i * numbers, (i + 1) * numbers));
  };

  test.each([
    ["another column", { ...first, column: 1 }],
    ["another row", { ...first, row: 1 }],
    ["another layer", { ...first, layer: "adaptive" }],
  ] as const)("see the same tile in %s as another, of one colour or not", async (_, cell) => {
    for (const one of [tile, white]) {
      const [here, there, again] = await looked(side([one, one, one]), [first, cell, first]);
      expect(gap(there, here)).toBeGreaterThan(1e-3);
      expect(again).toEqual(here);
    }
  });
});
