/** `galago plan`: how an image would be cut into tiles and how many tokens that makes, without running anything. */
import type { Grid } from "../vision/grids.ts";
import type { Image, Size } from "../vision/image.ts";
import type { TilePlan } from "../vision/tilings.ts";
import { type Command, jsonOption, modelOption, type Terminal } from "./command.ts";
import { input, nameOf } from "./input.ts";
import { json, write } from "./output.ts";
import { scm, size, sizeOf, tiles } from "./values.ts";

interface Options {
  readonly model: string;
  readonly tiles?: string;
  readonly scm?: number | "off";
  readonly json?: boolean;
}

/** The command as data. */
export const plan: Command<Options> = {
  name: "plan",
  about: "show how an image is cut into tiles and how many tokens that makes, without running a model",
  args: [{ name: "<image>", about: "WIDTHxHEIGHT, an image file, or - for standard input" }],
  options: [
    modelOption,
    {
      flags: "--tiles <spec>",
      about: "msac, msac:detailed=4..12,adaptive=3..7, dynamic:1..12, native:1..12, print:1..12 or single",
      parse: tiles,
    },
    { flags: "--scm <ratio>", about: "the part of the detailed layer's tokens to keep, or off", parse: scm },
    jsonOption,
  ],
  run,
};

async function run([source]: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const [{ modelOf, readJson, shapeFile }, { parseTiling }, { scale }, { shownOf }] = await Promise.all([
    import("../run/models.ts"),
    import("../vision/tilings.ts"),
    import("../vision/tiles.ts"),
    import("../vision/print.ts"),
  ]);
  const { image, pixels } = sizeOf(source) ? { image: size(source) } : await measured(source, terminal);
  const shape = shapeFile(options.model);
  const model = modelOf(readJson(shape), shape);
  const tiling = parseTiling(options.tiles ?? model.tiles);
  const { part, plan: made } = await shownOf(image, tiling, model.tileSize, pixels);
  const counts = tokens(made, model.tokensPerTile, options.scm ?? model.scmRatio ?? "off");
  const { detailed, adaptive, global } = made;
  if (options.json) return json(terminal, { detailed, adaptive, global, ...counts });
  const seen = Number(scale(made, model.tileSize, part).toPrecision(3));
  return write(
    terminal.stdout,
    [
      `${image.width} x ${image.height} pixels, ${tiling.spec}, tiles of ${model.tileSize} x ${model.tileSize}`,
      "",
      ...drawing(made),
      "",
      `${counts.tiles} tiles, ${counts.visual_tokens} visual tokens, ${counts.visual_tokens_kept} kept`,
      `the finest grid sees the image at ${seen} times its size${seen < 1 ? ": detail is lost" : ""}`,
      "",
    ].join("\n"),
  );
}

/** An image's size, and of a file its pixels, where a tiling looks at them. */
interface Measured {
  readonly image: Size;
  readonly pixels?: () => Promise<Image>;
}

async function measured(source: string, terminal: Terminal): Promise<Measured> {
  const { decoder, measure } = await import("../vision/decode.ts");
  const [bytes, name] = [await input(source, terminal), nameOf(source)];
  return { image: await measure(bytes, { name }), pixels: () => decoder.decode(bytes, { name }) };
}

/** SCM keeps floor(ratio * H) of the H tokens that the detailed grid makes, and every other token. */
function tokens(made: TilePlan, tokensPerTile: number, ratio: number | "off") {
  const visual = made.tiles.length * tokensPerTile;
  const [columns, rows] = made.detailed;
  const window = columns * rows * tokensPerTile;
  const dropped = ratio === "off" ? 0 : window - Math.floor(window * ratio);
  return { tiles: made.tiles.length, visual_tokens: visual, visual_tokens_kept: visual - dropped };
}

/** The grids that are read, side by side, each under its name. */
function drawing({ detailed, adaptive, tiles }: TilePlan): string[] {
  const grids: Record<string, Grid | null> = { detailed, adaptive, global: [1, 1] };
  const blocks = Object.entries(grids).flatMap(([layer, grid]) =>
    grid && tiles.some((tile) => tile.layer === layer) ? [block(layer, grid)] : [],
  );
  const lines = Math.max(...blocks.map((lines) => lines.length));
  return Array.from({ length: lines }, (_, i) =>
    blocks
      .map((block) => padded(block, i))
      .join("   ")
      .trimEnd(),
  );
}

function block(layer: string, [columns, rows]: Grid): string[] {
  const edge = `+${"--+".repeat(columns)}`;
  const cells = `|${"  |".repeat(columns)}`;
  return [`${layer} ${columns} x ${rows}`, edge, ...Array.from({ length: rows }, () => [cells, edge]).flat()];
}

function padded(block: readonly string[], line: number): string {
  return (block[line] ?? "").padEnd(Math.max(...block.map((text) => text.length)));
}
