/** Tiles of one colour are seen once, and every tile as the tower alone sees it. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { miniMonkey } from "../../src/models/mini-monkey.ts";
import { coloursKept, eyesOf } from "../../src/run/eyes.ts";
import { openSight, type Sight, sightGraph } from "../../src/run/sight.ts";
import { normalise } from "../../src/vision/tiles.ts";
import { reference } from "../support/reference.ts";
import { drawn } from "../support/values.ts";

const { config, w, engine } = reference("mini_monkey_e2e");
const model = miniMonkey(config);
const { tileSize: s, normal } = model;
const bytes = 3 * s * s;

const noise = (seed: number): Uint8Array => Uint8Array.from(drawn([bytes], seed, 0, 256).data);
const plain = (...colour: number[]): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => colour[i % 3]);
const white = plain(255, 255, 255);
const paper = plain(250, 249, 240);
const side = (tiles: readonly Uint8Array[]): Uint8Array => Uint8Array.from(tiles.flatMap((tile) => [...tile]));

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
    see(pixels, signal) {
      shown.push(pixels.length / bytes);
      return tower.see(pixels, signal);
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
    const found = await eyes.look(side(tiles));
    expect(shown.reduce((sum, n) => sum + n, 0)).toBe(seen);
    const expected = await tower.see(normalise(side(tiles), tiles.length, s, normal));
    expect([...found]).toEqual([...expected]);
    expect([...(await eyes.look(side(tiles)))]).toEqual([...expected]);
  });

  test("a colour is known from one image to the next, until others came after it", async () => {
    const { eyes, shown } = watching();
    await eyes.look(white);
    await eyes.look(side([white, noise(1)]));
    for (let i = 0; i < coloursKept; i++) await eyes.look(plain(i, i, i));
    await eyes.look(white);
    expect(shown).toEqual([1, 1, ...Array(coloursKept).fill(1), 1]);
  });

  test("an aborted signal ends it", async () => {
    await expect(watching().eyes.look(white, AbortSignal.abort("no"))).rejects.toBe("no");
  });
});
