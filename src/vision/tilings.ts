/** Tile policies: which grids of square tiles an image is cut into, as pure functions of its size. */
import { RequestError } from "../errors.ts";
import { candidates, type Grid, nearest } from "./grids.ts";

/** Where a tile comes from: the detailed grid, the adaptive grid, or the whole image in one tile. */
export type Layer = "detailed" | "adaptive" | "global";

/** All layers. */
export const layers: readonly Layer[] = ["detailed", "adaptive", "global"];

/** One tile: cell (column, row) of its layer's grid. */
interface Tile {
  readonly layer: Layer;
  readonly column: number;
  readonly row: number;
}

/**
 * What to cut: the grid that each layer chose, whether a global tile is among the tiles, and `tiles` in the order in which the
 * model reads them. `adaptive` is null where the policy has no such layer. `filled`: how much of the detailed grid's width and height the image
 * covers, the rest is white. `gaps`: cells of that grid end where the print has gaps (gaps.ts), not at equal distances.
 */
export interface TilePlan {
  readonly detailed: Grid;
  readonly filled: readonly [width: number, height: number];
  readonly gaps: boolean;
  readonly adaptive: Grid | null;
  readonly global: boolean;
  readonly tiles: readonly Tile[];
}

/** A tile policy: `plan` says how a width x height image is cut into tiles of `size` pixels a side; `spec` is its own name. One that `looks` goes by the
 *  print (print.ts): it is asked about the part of the image that holds it, and told how wide its letters are there. */
export interface Tiling {
  readonly spec: string;
  readonly looks: boolean;
  plan(width: number, height: number, size: number, letter?: number): TilePlan;
}

/** The fewest and the most tiles a grid may have. */
interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * D and A are the tiles of a pass, each ending in its global tile if it has one; a pass that chose 1 x 1 has that tile as its end.
 * `detailed`: D A end-of-D, so that the detailed grid is the first thing the model reads, as SCM needs. `demo`: A D end-of-A.
 * `plain`: D end-of-D A end-of-A.
 */
type Order = "detailed" | "demo" | "plain";

/** The two passes of MSAC, and how the second differs from and is joined to the first. */
export interface Msac {
  readonly detailed: Range;
  readonly adaptive: Range;
  /** Drops adaptive c x r when `both` c and r divide the detailed grid's, or when `either` does (training). */
  readonly exclude: "both" | "either";
  readonly order: Order;
  /** Passes that end in a global tile (each only if it chose more than one tile). */
  readonly thumbnails: "both" | "detailed" | "adaptive" | "none";
}

/** MSAC as released for inference: demo ranges, detailed layer first. */
const released: Msac = {
  detailed: { min: 4, max: 12 },
  adaptive: { min: 3, max: 7 },
  exclude: "both",
  order: "detailed",
  thumbnails: "both",
};

/** The whole image in one tile. */
const single: Tiling = {
  spec: "single",
  looks: false,
  plan: () => plan([1, 1], null, cells("detailed", [1, 1])),
};

/** One grid of nearest aspect and, unless it is 1 x 1, a global tile (InternVL 1.5, 2024). */
function dynamic(range: Range): Tiling {
  return {
    spec: `dynamic:${text(range)}`,
    looks: false,
    plan(width, height, size) {
      const grid = nearest(candidates(range.min, range.max), width, height, size);
      const { body, end } = pass("detailed", grid, true);
      return plan(grid, null, [...body, ...end]);
    },
  };
}

/** A grid with fewer tiles may show the image this much smaller: a column of tiles for a few pixels costs more than it shows. */
const nearlyBest = 0.9;

/** The part of a tile's side that is left over where two tiles meet, so that the one may end in a gap of the print. */
const slack = 1 / 14;

/** Pixels of a letter's width from which nano's towers read it well, those that may be asked for, and how much smaller print is enlarged at most. */
const legible = 11;
const widths = { min: 6, max: 32 };
const enlarged = 2;

/** `native`: the image at its own size, or as much smaller as `max` tiles ask, on a white sheet: nothing is enlarged or stretched, and no letter is cut
 *  where there is a gap nearby. Letters of one size are then seen at one size, whatever the page's shape. `print`: the same of the part that holds print,
 *  in which small letters are enlarged to `wanted` pixels as far as the tiles have room. */
function sheet(name: "native" | "print", range: Range, wanted = legible): Tiling {
  return {
    spec: `${name}:${text(range)}${wanted === legible ? "" : `,letter=${wanted}`}`,
    looks: name === "print",
    plan(width, height, size, letter = wanted) {
      const most = Math.min(enlarged, Math.max(1, wanted / letter));
      const room = (tiles: number): number => Math.floor((tiles - (tiles - 1) * slack) * size);
      const scaleOf = ([c, r]: Grid): number => Math.min(most, room(c) / width, room(r) / height);
      const grids = candidates(range.min, range.max);
      const best = Math.max(...grids.map(scaleOf));
      const fits = grids.filter((grid) => scaleOf(grid) >= nearlyBest * best);
      const fewest = fits.filter(([c, r]) => c * r === fits[0][0] * fits[0][1]);
      const grid = fewest.reduce((a, b) => (scaleOf(b) > scaleOf(a) ? b : a));
      const scale = scaleOf(grid);
      const covered = (pixels: number, tiles: number): number =>
        Math.max(1, Math.min(room(tiles), Math.round(pixels * scale))) / (tiles * size);
      const filled = [covered(width, grid[0]), covered(height, grid[1])] as const;
      return { ...plan(grid, null, cells("detailed", grid)), filled, gaps: true };
    },
  };
}

/** Multi-scale adaptive crop (Mini-Monkey, 2024): a second grid whose cell borders do not fall on the first's. */
export function msac(options: Msac = released): Tiling {
  const { detailed, adaptive, exclude, order, thumbnails } = options;
  return {
    spec: msacSpec(options),
    looks: false,
    plan(width, height, size) {
      const first = nearest(candidates(detailed.min, detailed.max), width, height, size);
      const others = candidates(adaptive.min, adaptive.max).filter((grid) => !excluded(grid, first, exclude));
      const second = nearest(others, width, height, size);
      const d = pass("detailed", first, thumbnails === "both" || thumbnails === "detailed");
      const a = pass("adaptive", second, thumbnails === "both" || thumbnails === "adaptive");
      return plan(first, second, joined[order](d, a));
    },
  };
}

interface Pass {
  readonly body: readonly Tile[];
  readonly end: readonly Tile[];
}

const joined: Record<Order, (d: Pass, a: Pass) => readonly Tile[]> = {
  detailed: (d, a) => [...d.body, ...a.body, ...d.end],
  demo: (d, a) => [...a.body, ...d.body, ...a.end],
  plain: (d, a) => [...d.body, ...d.end, ...a.body, ...a.end],
};

function excluded([c, r]: Grid, [columns, rows]: Grid, rule: Msac["exclude"]): boolean {
  const divides = [columns % c === 0, rows % r === 0];
  return rule === "both" ? divides.every(Boolean) : divides.some(Boolean);
}

/** With a thumbnail the last tile stands apart: the global tile, or the only one there is. */
function pass(layer: Layer, grid: Grid, thumbnail: boolean): Pass {
  const tiles = cells(layer, grid);
  if (!thumbnail) return { body: tiles, end: [] };
  return tiles.length === 1 ? { body: [], end: tiles } : { body: tiles, end: cells("global", [1, 1]) };
}

/** The cells of a grid, left to right, then top to bottom. */
function cells(layer: Layer, [columns, rows]: Grid): Tile[] {
  return Array.from({ length: columns * rows }, (_, i) => ({
    layer,
    column: i % columns,
    row: Math.floor(i / columns),
  }));
}

function plan(detailed: Grid, adaptive: Grid | null, tiles: readonly Tile[]): TilePlan {
  return {
    detailed,
    filled: [1, 1],
    gaps: false,
    adaptive,
    global: tiles.some((tile) => tile.layer === "global"),
    tiles,
  };
}

function text({ min, max }: Range): string {
  return `${min}..${max}`;
}

/** The shortest spec that parses to `options`. */
function msacSpec(options: Msac): string {
  const words = Object.entries(options)
    .map(([key, value]) => [key, typeof value === "object" ? text(value) : value] as const)
    .filter(([key, value]) => key === "detailed" || key === "adaptive" || value !== released[key as keyof Msac]);
  return `msac:${words.map(([key, value]) => `${key}=${value}`).join(",")}`;
}

/** More tiles than any language model has room for; keeps the table of candidates small. */
const mostTiles = 256;

const specs =
  "msac, msac:detailed=4..12,adaptive=3..7, dynamic:1..12, native:1..12, print:1..12, print:1..12,letter=14, single";

const choices = {
  exclude: ["both", "either"],
  order: ["detailed", "demo", "plain"],
  thumbnails: ["both", "detailed", "adaptive", "none"],
} as const;

/**
 * The policy a spec names: `msac`, `msac:detailed=4..12,adaptive=3..7`, `dynamic:1..12`, `native:1..12`, `print:1..12`, `print:1..12,letter=14` or `single`.
 * `msac` also takes `exclude=`, `order=` and `thumbnails=`, see `Msac`; what is left out is as released. Throws RequestError otherwise.
 */
export function parseTiling(spec: string): Tiling {
  const [name, rest, ...more] = spec.split(":");
  if (more.length === 0) {
    if (name === "single" && rest === undefined) return single;
    if (name === "dynamic") return dynamic(range(rest ?? "1..12", spec));
    if (name === "native") return sheet(name, range(rest ?? "1..12", spec));
    if (name === "print") return print(rest ?? "1..12", spec);
    if (name === "msac") return msac(rest === undefined ? released : msacOptions(rest, spec));
  }
  throw new RequestError(`no tiling "${spec}"; there are ${specs}`);
}

function print(words: string, spec: string): Tiling {
  const [tiles, ...more] = words.split(",");
  if (more.length === 0) return sheet("print", range(tiles, spec));
  const letter = more.length === 1 ? Number(/^letter=(\d{1,3}(\.\d{1,2})?)$/.exec(more[0])?.[1]) : Number.NaN;
  if (letter >= widths.min && letter <= widths.max) return sheet("print", range(tiles, spec), letter);
  throw new RequestError(
    `tiling "${spec}": expected letter=N after the tiles, N from ${widths.min} to ${widths.max} pixels of a letter's width`,
  );
}

function msacOptions(words: string, spec: string): Msac {
  const options: Record<string, unknown> = { ...released };
  for (const word of words.split(",")) {
    const [key, value = ""] = word.split(/=(.*)/s);
    if (key === "detailed" || key === "adaptive") options[key] = range(value, spec);
    else if (Object.hasOwn(choices, key)) options[key] = choice(key as keyof typeof choices, value, spec);
    else throw new RequestError(`tiling "${spec}": no option "${key}"; there are ${Object.keys(released).join(", ")}`);
  }
  return options as unknown as Msac;
}

function choice(key: keyof typeof choices, value: string, spec: string): string {
  const known: readonly string[] = choices[key];
  if (known.includes(value)) return value;
  throw new RequestError(`tiling "${spec}": ${key} is "${value}", expected ${known.join(", ")}`);
}

function range(words: string, spec: string): Range {
  const [, min, max] = (/^(\d{1,4})\.\.(\d{1,4})$/.exec(words) ?? []).map(Number);
  if (min >= 1 && min <= max && max <= mostTiles) return { min, max };
  throw new RequestError(
    `tiling "${spec}": "${words}" is no range of tiles; expected MIN..MAX with 1 <= MIN <= MAX <= ${mostTiles}`,
  );
}
