/** Where the tiles of an image lie in it, and which of their visual tokens stayed: what an overlay draws. */
import { evenCells } from "../vision/gaps.ts";
import type { Image, Size } from "../vision/image.ts";
import type { Part } from "../vision/print.ts";
import { laid, layerSize } from "../vision/tiles.ts";
import type { Layer, TilePlan } from "../vision/tilings.ts";
import type { Cell, SeenImage } from "./answer.ts";

/** The place of a tile. */
export type Place = Omit<Cell, "tokens" | "kept">;

/** Where each tile of a plan lies in an image, of which a part is shown; the part's pixels are only looked at where cells end in gaps of the print. */
export async function placesOf(
  plan: TilePlan,
  side: number,
  { x, y, width, height }: Part,
  pixels: () => Promise<Image>,
): Promise<Place[]> {
  const layers = new Map<Layer, Grid>();
  for (const { layer } of plan.tiles)
    if (!layers.has(layer)) layers.set(layer, await gridOf(plan, layer, side, pixels));
  return plan.tiles.map(({ layer, column, row }) => {
    const { shown, tops, lefts } = layers.get(layer)!;
    const [across, down] = [width / shown.width, height / shown.height];
    const [left, right] = lefts[row].slice(column);
    const [top, bottom] = tops.slice(row);
    return {
      layer,
      x: x + left * across,
      y: y + top * down,
      width: (right - left) * across,
      height: (bottom - top) * down,
      span: [side * across, side * down],
    };
  });
}

type Grid = Pick<Awaited<ReturnType<typeof laid>>, "tops" | "lefts"> & { readonly shown: Size };

async function gridOf(plan: TilePlan, layer: Layer, side: number, pixels: () => Promise<Image>): Promise<Grid> {
  if (layer === "detailed" && plan.gaps) return laid(await pixels(), plan, layer, side);
  const { shown, columns, rows } = layerSize(plan, layer, side);
  return { shown, ...evenCells(shown, columns, rows, side) };
}

/** Images with the cells of the tiles that are shown; `kept`: the visual tokens that survive, ascending, counted over all images. Without it all do. */
export function drawn(
  views: readonly { readonly seen: SeenImage; readonly places?: readonly Place[] | undefined }[],
  perTile: number,
  kept?: Int32Array,
): SeenImage[] {
  const side = Math.sqrt(perTile);
  const tokens = Number.isInteger(side) ? ([side, side] as const) : ([perTile, 1] as const);
  let tile = 0;
  return views.map(({ seen, places }) => {
    if (!places) return seen;
    const cells = places.map((place): Cell => {
      const from = perTile * tile++;
      const stay =
        kept &&
        Array.from(
          kept.filter((token) => token >= from && token < from + perTile),
          (i) => i - from,
        );
      return { ...place, tokens, kept: stay && stay.length < perTile ? stay : null };
    });
    return { ...seen, cells };
  });
}
