/** Images as a model looks at them: decoded, with a plan of their tiles, and known by what they hold. */
import type { Span } from "../compress/compression.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { blankTiles } from "../vision/blank.ts";
import type { Image } from "../vision/image.ts";
import { cut, picked, scale } from "../vision/tiles.ts";
import type { TilePlan, Tiling } from "../vision/tilings.ts";
import type { SeenImage } from "./answer.ts";
import { type Place, placesOf } from "./cells.ts";
import { type Features, sha256 } from "./features.ts";
import { type NamedImage, openImage } from "./images.ts";

/** An image and how it is cut into tiles. */
export interface View {
  /** The same only for the same content cut in the same way, with the same tiles left out. */
  readonly id: string;
  readonly seen: SeenImage;
  /** The tiles that are shown to the model. */
  readonly shown: TilePlan["tiles"];
  /** Which tiles of the plan hold nothing and are left out, 1 or 0 each. */
  readonly blank: Uint8Array;
  /** Where the tiles that are shown lie, if that is asked. */
  readonly places?: readonly Place[] | undefined;
  /** The pixels of the tiles that are shown, uint8 [tiles, s, s, 3], or their visual tokens where they are remembered. */
  readonly tiles: Uint8Array | Float32Array;
}

/** How images are cut: `skipBlank` leaves out the tiles that hold nothing, unless all do; `cells` asks where they lie. */
export interface Cutting {
  readonly tiling: Tiling;
  readonly skipBlank: boolean;
  readonly cells?: boolean | undefined;
}

/** Reads and plans images; decodes and cuts those that are not remembered. Throws as openImage and its decode; an aborted signal ends it between two images. */
export async function looked(
  images: readonly NamedImage[],
  { tiling, skipBlank, cells }: Cutting,
  { tileSize: s }: Multimodal,
  remembered: Features,
  signal?: AbortSignal,
): Promise<View[]> {
  const views: View[] = [];
  for (const named of images) {
    signal?.throwIfAborted();
    const { width, height, content, decode } = await openImage(named, signal);
    const plan = tiling.plan(width, height, s);
    const { detailed, adaptive, global } = plan;
    const grids = { detailed, adaptive, global };
    const id = sha256(JSON.stringify([width, height, plan, skipBlank]), content);
    const known = remembered.get(id);
    const { blank, tiles } = known ? { ...known, tiles: known.features } : cutOut(await decode(), plan, s, skipBlank);
    const places = cells ? await placesOf(plan, s, { width, height }, decode) : undefined;
    views.push({
      id,
      seen: { source: named.name, width, height, scale: scale(plan, s, { width, height }), tiles: grids },
      shown: plan.tiles.filter((_, i) => !blank[i]),
      places: places?.filter((_, i) => !blank[i]),
      blank,
      tiles,
    });
  }
  return views;
}

/** The tiles of an image, without those left out. */
function cutOut(image: Image, plan: TilePlan, s: number, skipBlank: boolean): Pick<View, "blank" | "tiles"> {
  const all = cut(image, plan, s);
  const blank = skipBlank ? blankTiles(all, s) : new Uint8Array(plan.tiles.length);
  const shown = [...blank.keys()].filter((i) => !blank[i]);
  return shown.length ? { blank, tiles: picked(all, s, shown) } : { blank: blank.fill(0), tiles: all };
}

/** The visual tokens of each image's detailed layer, which lie side by side in every order of tiles; none for an image of which nothing detailed is shown. */
export function windows(views: readonly View[], perTile: number): Span[] {
  let before = 0;
  return views.flatMap(({ shown }) => {
    const from = before + shown.findIndex(({ layer }) => layer === "detailed") * perTile;
    const to = from + shown.filter(({ layer }) => layer === "detailed").length * perTile;
    before += shown.length * perTile;
    return to > from ? [{ from, to }] : [];
  });
}

/** What each visual token of the images shows: its image and its place there. */
export const sourcesOf = (views: readonly View[], perTile: number): string[] =>
  views.flatMap(({ id, shown }) => Array.from({ length: shown.length * perTile }, (_, i) => `${id} ${i}`));
