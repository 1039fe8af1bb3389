/** What looks at the tiles of an image: a tower that sees a tile of one colour once. */
import type { Multimodal } from "../models/multimodal.ts";
import { cellsOf } from "../models/visual-position.ts";
import { colours } from "../vision/blank.ts";
import { normalise, picked } from "../vision/tiles.ts";
import type { TilePlan } from "../vision/tilings.ts";
import { type Sight, tilesAtOnce } from "./sight.ts";

/** Looks at tiles. */
export interface Eyes {
  /** tiles: uint8 [n, s, s, 3], and where each is cut → [n · tokens, d]. Throws as cellsOf; an aborted signal ends it between two batches. */
  look(tiles: Uint8Array, shown: TilePlan["tiles"], signal?: AbortSignal): Promise<Float32Array>;
}

/** Colours whose visual tokens are kept: those of the paper of a document and of the sheet that it lies on, and of the document before. */
export const coloursKept = 4;

/** Eyes of an open tower. */
export function eyesOf(sight: Sight, model: Multimodal): Eyes {
  const { tileSize: s, normal, tokensPerTile, width } = model;
  const numbers = tokensPerTile * width;
  const known = new Map<string, Float32Array>();
  return {
    async look(tiles, shown, signal) {
      const cells = cellsOf(shown, model.cells);
      // Where the eyes are told where tiles lie, two of a colour are only alike in the same cell.
      const place = (i: number): string => (model.cells ? `${cells[i]}` : "");
      const of = colours(tiles, s).map((colour, i) => (colour === undefined ? undefined : `${colour} ${place(i)}`));
      const features = new Float32Array(of.length * numbers);
      // Another image may be looked at meanwhile, which may let a colour go.
      const plain = new Map(known);
      // Of each colour that is not known, the first tile is looked at.
      const open = [...of.keys()].filter((i) => {
        const colour = of[i];
        return colour === undefined || (!plain.has(colour) && of.indexOf(colour) === i);
      });
      const batch = tilesAtOnce(model);
      for (let from = 0; from < open.length; from += batch) {
        const some = open.slice(from, from + batch);
        const pixels = normalise(picked(tiles, s, some), some.length, s, normal);
        const seen = await sight.see(
          pixels,
          some.map((i) => cells[i]),
          signal,
        );
        for (const [at, i] of some.entries()) {
          const tile = seen.subarray(at * numbers, (at + 1) * numbers);
          features.set(tile, i * numbers);
          const colour = of[i];
          if (colour !== undefined) plain.set(colour, tile.slice());
        }
      }
      of.forEach((colour, i) => {
        if (colour === undefined) return;
        features.set(plain.get(colour)!, i * numbers);
        known.delete(colour);
        known.set(colour, plain.get(colour)!);
      });
      for (const colour of known.keys()) if (known.size > coloursKept) known.delete(colour);
      return features;
    },
  };
}
