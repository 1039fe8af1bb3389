/** Images as a model looks at them: decoded, with a plan of their tiles, and known by what they hold. */
import type { Span } from "../compress/compression.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { cut, normalise, scale } from "../vision/tiles.ts";
import type { TilePlan, Tiling } from "../vision/tilings.ts";
import type { SeenImage } from "./answer.ts";
import { type Features, sha256 } from "./features.ts";
import { type NamedImage, openImage } from "./images.ts";

/** An image and how it is cut into tiles. */
export interface View {
  /** The same only for the same content cut in the same way. */
  readonly id: string;
  /** Its visual tokens, where they are remembered. */
  readonly known: Float32Array | undefined;
  readonly seen: SeenImage;
  readonly plan: TilePlan;
  /** Its tiles, normalised: [tiles, 3, s, s]; none where its visual tokens are known. */
  pixels(): Float32Array;
}

/** Reads and plans images; decodes those that are not remembered. Throws as openImage and its decode; an aborted signal ends it between two images. */
export async function looked(
  images: readonly NamedImage[],
  tiling: Tiling,
  { tileSize: s, normal }: Multimodal,
  remembered: Features,
  signal?: AbortSignal,
): Promise<View[]> {
  const views: View[] = [];
  for (const named of images) {
    signal?.throwIfAborted();
    const { width, height, content, decode } = await openImage(named, signal);
    const plan = tiling.plan(width, height, s);
    const { detailed, adaptive, global } = plan;
    const tiles = { detailed, adaptive, global };
    const id = sha256(JSON.stringify([width, height, plan]), content);
    const known = remembered.get(id);
    const image = known ? undefined : await decode();
    views.push({
      id,
      known,
      seen: { source: named.name, width, height, scale: scale(plan, s, { width, height }), tiles },
      plan,
      pixels: () => (image ? normalise(cut(image, plan, s), plan.tiles.length, s, normal) : new Float32Array()),
    });
  }
  return views;
}

/** The visual tokens of each image's detailed layer, which lie side by side in every order of tiles. */
export function windows(views: readonly View[], perTile: number): Span[] {
  let before = 0;
  return views.map(({ plan: { tiles, detailed } }) => {
    const [columns, rows] = detailed;
    const from = before + tiles.findIndex(({ layer }) => layer === "detailed") * perTile;
    before += tiles.length * perTile;
    return { from, to: from + columns * rows * perTile };
  });
}

/** What each visual token of the images shows: its image and its place there. */
export const sourcesOf = (views: readonly View[], perTile: number): string[] =>
  views.flatMap(({ id, plan }) => Array.from({ length: plan.tiles.length * perTile }, (_, i) => `${id} ${i}`));
