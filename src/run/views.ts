/** Images as a model looks at them: decoded, with a plan of their tiles, and known by what they hold. */
import type { Span } from "../compress/compression.ts";
import type { Message } from "../text/template.ts";
import { blankTiles } from "../vision/blank.ts";
import type { Image, Size } from "../vision/image.ts";
import { cropped, type Part, type Shown, scaled, shownOf } from "../vision/print.ts";
import { cut, finest, picked, scale } from "../vision/tiles.ts";
import type { TilePlan, Tiling } from "../vision/tilings.ts";
import type { SeenImage } from "./answer.ts";
import { type Place, placesOf } from "./cells.ts";
import type { Features } from "./features.ts";
import { type NamedImage, type OpenImage, openImages } from "./images.ts";
import type { PdfLimits } from "./pages.ts";
import { sha256 } from "./sha256.ts";

/** An image and how it is cut into tiles. */
export interface View {
  /** The same only for the same content cut in the same way, with the same tiles left out. */
  readonly id: string;
  readonly seen: SeenImage;
  /** What is shown of the image. */
  readonly part: Part;
  /** The tiles that are shown to the model. */
  readonly shown: TilePlan["tiles"];
  /** Which tiles of the plan hold nothing and are left out, 1 or 0 each. */
  readonly blank: Uint8Array;
  /** Where the tiles that are shown lie, if that is asked. */
  readonly places?: readonly Place[] | undefined;
  /** The pixels of the tiles that are shown, uint8 [tiles, s, s, 3], or their visual tokens where they are remembered. */
  readonly tiles: Uint8Array | Float32Array;
}

/** An image with what is shown of it. No pixels are held. */
export interface Planned extends Shown {
  readonly image: OpenImage;
}

/** How images are looked at: `skipBlank` leaves out the tiles that hold nothing, unless all do; `cells` asks where they lie. */
export interface Looking {
  readonly skipBlank: boolean;
  readonly cells?: boolean | undefined;
}

/** What is shown of images that were looked at for their print, by what they hold and how they are cut. */
export type Looks = Map<string, Shown>;

/** Most that are kept: each is a few numbers. */
const mostLooks = 1024;

/** Opens and plans images, each by itself or as the pages it has. Throws as openImages, and as decode where a tiling looks at pixels; an aborted signal ends
 *  it between two images. */
export async function planned(
  images: readonly NamedImage[],
  tiling: Tiling,
  size: number,
  limits: PdfLimits,
  looks: Looks,
  signal?: AbortSignal,
): Promise<Planned[][]> {
  const all: Planned[][] = [];
  for (const named of images) {
    signal?.throwIfAborted();
    const opened = await openImages(named, limits, signal);
    const pages: Planned[] = [];
    for (const image of opened) {
      signal?.throwIfAborted();
      pages.push({ image, ...(await shown(image, tiling, size, looks)) });
    }
    all.push(pages);
  }
  return all;
}

/** What is shown of an image; its pixels are looked at once. */
async function shown(image: OpenImage, tiling: Tiling, size: number, looks: Looks): Promise<Shown> {
  if (!tiling.looks) return shownOf(image, tiling, size);
  const id = sha256(JSON.stringify([image.width, image.height, tiling.spec, size]), image.content);
  const found = looks.get(id) ?? (await shownOf(image, tiling, size, () => decoded(image, image, enough)));
  looks.delete(id);
  looks.set(id, found);
  if (looks.size > mostLooks) looks.delete(looks.keys().next().value!);
  return found;
}

/** Decodes and cuts the images that are not remembered. Throws as their decode; an aborted signal ends it between two images. */
export async function looked(
  images: readonly Planned[],
  { skipBlank, cells }: Looking,
  size: number,
  remembered: Features,
  signal?: AbortSignal,
): Promise<View[]> {
  const views: View[] = [];
  for (const { image, part, plan } of images) {
    signal?.throwIfAborted();
    const { name, width, height, content } = image;
    const { detailed, adaptive, global } = plan;
    const grids = { detailed, adaptive, global };
    const id = sha256(JSON.stringify([width, height, part, plan, skipBlank]), content);
    const known = remembered.get(id);
    let drawn: Promise<Image> | undefined;
    const pixels = (): Promise<Image> => (drawn ??= pixelsOf(image, part, finest(plan, size)));
    const { blank, tiles } = known
      ? { ...known, tiles: known.features }
      : cutOut(await pixels(), plan, size, skipBlank);
    const places = cells ? await placesOf(plan, size, part, pixels) : undefined;
    views.push({
      id,
      seen: { source: name, width, height, scale: scale(plan, size, part), tiles: grids },
      part,
      shown: plan.tiles.filter((_, i) => !blank[i]),
      places: places?.filter((_, i) => !blank[i]),
      blank,
      tiles,
    });
  }
  return views;
}

/** The pixels of a part of an image, about as many as are asked for where they are drawn. */
async function pixelsOf(image: OpenImage, part: Part, { width, height }: Size): Promise<Image> {
  const asked = { width: (image.width * width) / part.width, height: (image.height * height) / part.height };
  const whole = await decoded(image, asked, most);
  return cropped(whole, scaled(part, whole.width / image.width, whole.height / image.height));
}

/** Pixels in which a page is drawn: enough to tell where its print is, and the most. */
const enough = 4e6;
const most = 100e6;

/** A file's own pixels; a page in as many as are asked for, or fewer of the same shape. */
function decoded(image: OpenImage, { width, height }: Size, limit: number): Promise<Image> {
  const shrunk = Math.min(1, Math.sqrt(limit / (width * height)));
  const pixels = (side: number): number => Math.max(1, Math.round(side * shrunk));
  return image.decode({ width: pixels(width), height: pixels(height) });
}

/** The messages, in which each image's place became one for each of its pages. */
export function unfolded(messages: readonly Message[], images: readonly (readonly unknown[])[]): Message[] {
  let image = 0;
  const places = (): string =>
    Array(images[image++]?.length ?? 1)
      .fill("<image>")
      .join("\n");
  return messages.map(({ role, content }) => ({ role, content: content.replaceAll("<image>", places) }));
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
