/** Tile plans against the authors' functions, and the specs that name them. */
import { describe, expect, test } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { msac, parseTiling, type TilePlan } from "../../src/vision/tilings.ts";
import { goldenJson } from "./golden.ts";

const { sets, sizes, results } = goldenJson("msac/cases.json");

const orders: Record<string, string> = {
  "adaptive,detail,adaptive_last": "demo",
  "detail,adaptive,detail_last": "detailed",
  "detail,adaptive": "plain",
};

/** The spec that says what one of the authors' parameter sets says. */
function specOf(set: any): string {
  const thumbnails = set.detail_thumbnail ? (set.adaptive_thumbnail ? "both" : "detailed") : "adaptive";
  const exclude = set.exclusion.startsWith("either axis does not") ? "both" : "either";
  const ranges = `detailed=${set.detail.join("..")},adaptive=${set.adaptive.join("..")}`;
  return `msac:${ranges},exclude=${exclude},order=${orders[set.assembly]},thumbnails=${thumbnails}`;
}

const area = ([c, r]: readonly number[]) => c * r;

/** Tiles that a pass of the authors makes, its own thumbnail included. */
const made = (grid: readonly number[], thumbnail: boolean) => area(grid) + (thumbnail && area(grid) > 1 ? 1 : 0);

/** What the authors concatenate, by slices of the two passes. */
function concatenated(set: any, plan: TilePlan): string[] {
  const list = (layer: string, grid: readonly number[], thumbnail: boolean) => {
    const cells = Array.from({ length: area(grid) }, (_, i) => `${layer} ${i % grid[0]},${Math.floor(i / grid[0])}`);
    return thumbnail && cells.length > 1 ? [...cells, "global 0,0"] : cells;
  };
  const d = list("detailed", plan.detailed, set.detail_thumbnail);
  const a = list("adaptive", plan.adaptive!, set.adaptive_thumbnail);
  if (set.assembly.at(-1) === "adaptive_last") return [...a.slice(0, -1), ...d.slice(0, -1), ...a.slice(-1)];
  if (set.assembly.at(-1) !== "detail_last") return [...d, ...a];
  return [...d.slice(0, -1), ...(set.adaptive_thumbnail ? a.slice(0, -1) : a), ...d.slice(-1)];
}

describe("msac", () => {
  test.each(Object.keys(sets))("%s plans every size as the authors' code does", (name) => {
    const set = sets[name];
    const tiling = parseTiling(specOf(set));
    const found = sizes.map(([width, height]: [number, number]) => {
      const { detailed, adaptive } = tiling.plan(width, height, 448);
      const counts = [made(detailed, set.detail_thumbnail), made(adaptive!, set.adaptive_thumbnail)];
      return [...detailed, counts[0], ...adaptive!, counts[1]];
    });
    expect(found).toEqual(results[name].map((row: number[]) => row.slice(0, 6)));
  });

  test.each(Object.keys(sets))("%s feeds the tiles in the authors' order", (name) => {
    const tiling = parseTiling(specOf(sets[name]));
    for (const [i, [width, height]] of sizes.entries()) {
      const plan = tiling.plan(width, height, 448);
      const fed = plan.tiles.map(({ layer, column, row }) => `${layer} ${column},${row}`);
      expect(fed).toEqual(concatenated(sets[name], plan));
      expect(fed).toHaveLength(results[name][i].at(-1));
    }
  });

  test("by default the detailed layer is exactly the first columns x rows tiles, and the global tile the last", () => {
    for (const [width, height] of sizes) {
      const { detailed, tiles } = msac().plan(width, height, 448);
      const layers = tiles.map((tile) => tile.layer);
      expect(layers.lastIndexOf("detailed")).toBe(area(detailed) - 1);
      expect(layers.slice(0, area(detailed))).not.toContain("adaptive");
      expect(layers.indexOf("global")).toBe(layers.length - 1);
    }
  });
});

describe("other tilings", () => {
  test.each([
    [448, 448, [1, 1], 1],
    [1000, 400, [5, 2], 11],
    [2480, 3508, [2, 3], 7],
  ])("dynamic:1..12 cuts %i x %i into %j and %i tiles", (width, height, grid, tiles) => {
    const plan = parseTiling("dynamic:1..12").plan(width, height, 448);
    expect([plan.detailed, plan.adaptive, plan.tiles.length]).toEqual([grid, null, tiles]);
    expect(plan.global).toBe(tiles > 1);
  });

  test.each([
    ["an image a little smaller than its tiles as it is", 430, 635, [2, 3], 1],
    ["an image of whole tiles with room to end each in a gap", 448, 672, [2, 3], 640 / 672],
    ["a line of print", 432, 53, [2, 1], 1],
    ["a few pixels more than two columns without a third", 460, 224, [2, 1], 432 / 460],
    ["a tall scan at the scale of eight tiles, where twelve would show hardly more", 616, 1200, [2, 4], 432 / 616],
    ["a page of fewer pixels than a tile in one", 100, 50, [1, 1], 1],
    ["a long strip at nine tenths of what twelve tiles would show", 10_000, 10, [11, 1], 2304 / 10_000],
  ])("native:1..12 shows %s", (_, width, height, grid, seen) => {
    const plan = parseTiling("native:1..12").plan(width, height, 224);
    expect([plan.detailed, plan.adaptive, plan.global, plan.tiles.length]).toEqual([grid, null, false, area(grid)]);
    const shown = [plan.filled[0] * grid[0] * 224, plan.filled[1] * grid[1] * 224];
    expect(Math.abs(shown[0] - width * seen)).toBeLessThanOrEqual(0.5);
    expect(Math.abs(shown[1] - height * seen)).toBeLessThanOrEqual(0.5);
  });

  test("single is one tile whatever the size", () => {
    const plan = parseTiling("single").plan(5000, 10, 448);
    expect(plan).toEqual({
      detailed: [1, 1],
      filled: [1, 1],
      gaps: false,
      adaptive: null,
      global: false,
      tiles: [{ layer: "detailed", column: 0, row: 0 }],
    });
  });
});

describe("parseTiling", () => {
  test.each([
    ["msac", "msac:detailed=4..12,adaptive=3..7"],
    ["msac:adaptive=2..5", "msac:detailed=4..12,adaptive=2..5"],
    ["msac:order=demo,exclude=both", "msac:detailed=4..12,adaptive=3..7,order=demo"],
    ["dynamic", "dynamic:1..12"],
    ["dynamic:2..6", "dynamic:2..6"],
    ["native", "native:1..12"],
    ["native:1..8", "native:1..8"],
    ["print:1..20,letter=14", "print:1..20,letter=14"],
    ["print:1..20,letter=11", "print:1..20"],
    ["single", "single"],
  ])("%s is named %s, which names itself", (spec, name) => {
    expect(parseTiling(spec).spec).toBe(name);
    expect(parseTiling(name).spec).toBe(name);
  });

  test.each([
    ["", /no tiling ""; there are msac/],
    ["mosaic", /no tiling "mosaic"; there are msac/],
    ["single:1", /no tiling "single:1"/],
    ["dynamic:1..12:3", /no tiling/],
    ["dynamic:", /"" is no range/],
    ["native:1..8,letter=14", /"1..8,letter=14" is no range/],
    ["print:1..8,letter=5", /expected letter=N after the tiles, N from 6 to 32 pixels/],
    ["print:1..8,letter=1e1", /expected letter=N/],
    ["print:1..8,scale=2", /expected letter=N/],
    ["print:1..8,letter=14,letter=9", /expected letter=N/],
    ["dynamic:5..2", /"5..2" is no range of tiles/],
    ["dynamic:0..2", /1 <= MIN/],
    ["dynamic:1..9999", /MAX <= 256/],
    ["msac:", /no option ""/],
    ["msac:detail=1..2", /no option "detail"; there are detailed, adaptive/],
    ["msac:detailed", /"" is no range/],
    ["msac:order=random", /order is "random", expected detailed, demo, plain/],
  ])("%j is refused in one sentence", (spec, message) => {
    expect(() => parseTiling(spec)).toThrow(RequestError);
    expect(() => parseTiling(spec)).toThrow(message);
  });
});
