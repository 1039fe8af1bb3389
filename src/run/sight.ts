/** The eyes: tiles to visual tokens, a few tiles at a time. */
import type { Engine, Feeds } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { size } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import type { Multimodal } from "../models/multimodal.ts";
import type { Cell } from "../models/visual-position.ts";
import type { Weights } from "../weights/path.ts";

/** Tiles of one run: as many as make up one of 448 pixels. More bring no speed, and the memory of attention grows with them. */
export const tilesAtOnce = ({ tileSize }: Pick<Multimodal, "tileSize">): number =>
  Math.max(1, Math.floor((448 / tileSize) ** 2));

/** Tower and connector. pixels [tiles, 3, s, s], cells [tiles, 3] for a model that is told where tiles lie → features [tiles, tokens, d]. */
export function sightGraph(w: Weights, model: Multimodal): Outputs {
  const pixels = input("pixels", [size("tiles"), 3, model.tileSize, model.tileSize]);
  return { features: model.sight(pixels, w, input("cells", [size("tiles"), 3], "i64")) };
}

/** What that graph is fed. */
export function sightFeeds(
  pixels: Float32Array,
  cells: readonly Cell[],
  { tileSize: s, cells: told }: Multimodal,
): Feeds {
  const shape = [pixels.length / (3 * s * s), 3, s, s];
  const feeds: Feeds = { pixels: { dtype: "f32", shape, data: pixels } };
  const data = BigInt64Array.from(cells.flat(), BigInt);
  return told ? { ...feeds, cells: { dtype: "i64", shape: [cells.length, 3], data } } : feeds;
}

/** An open tower. */
export interface Sight {
  /** pixels: [tiles, 3, s, s], normalised, and the cell of each tile → [tiles · tokens, d]. An aborted signal ends it between two batches. */
  see(pixels: Float32Array, cells: readonly Cell[], signal?: AbortSignal): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Opens what `sightGraph` made. */
export async function openSight(engine: Engine, graph: Outputs, model: Multimodal): Promise<Sight> {
  const session = await engine.open(graph);
  const batch = tilesAtOnce(model);
  const tilePixels = 3 * model.tileSize ** 2;
  const tileFeatures = model.tokensPerTile * model.width;
  return {
    async see(pixels, cells, signal) {
      const tiles = pixels.length / tilePixels;
      const features = new Float32Array(tiles * tileFeatures);
      for (let from = 0; from < tiles; from += batch) {
        signal?.throwIfAborted();
        const to = Math.min(tiles, from + batch);
        const data = pixels.subarray(from * tilePixels, to * tilePixels);
        const results = await session.run(sightFeeds(data, cells.slice(from, to), model));
        features.set(results.features.data as Float32Array, from * tileFeatures);
      }
      return features;
    },
    close: () => session.close(),
  };
}
