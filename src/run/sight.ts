/** The eyes: tiles to visual tokens, a few tiles at a time. */
import type { Engine } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { size } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import type { Multimodal } from "../models/multimodal.ts";
import type { Weights } from "../weights/path.ts";

/** Tiles of one run: as many as make up one of 448 pixels. More bring no speed, and the memory of attention grows with them. */
export const tilesAtOnce = ({ tileSize }: Pick<Multimodal, "tileSize">): number =>
  Math.max(1, Math.floor((448 / tileSize) ** 2));

/** Tower and connector. pixels [tiles, 3, s, s] → features [tiles, tokens, d]. */
export function sightGraph(w: Weights, model: Multimodal): Outputs {
  const pixels = input("pixels", [size("tiles"), 3, model.tileSize, model.tileSize]);
  return { features: model.sight(pixels, w) };
}

/** An open tower. */
export interface Sight {
  /** pixels: [tiles, 3, s, s], normalised → [tiles · tokens, d]. An aborted signal ends it between two batches. */
  see(pixels: Float32Array, signal?: AbortSignal): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Opens what `sightGraph` made. */
export async function openSight(engine: Engine, graph: Outputs, model: Multimodal): Promise<Sight> {
  const session = await engine.open(graph);
  const batch = tilesAtOnce(model);
  const s = model.tileSize;
  const tilePixels = 3 * s * s;
  const tileFeatures = model.tokensPerTile * model.width;
  return {
    async see(pixels, signal) {
      const tiles = pixels.length / tilePixels;
      const features = new Float32Array(tiles * tileFeatures);
      for (let from = 0; from < tiles; from += batch) {
        signal?.throwIfAborted();
        const to = Math.min(tiles, from + batch);
        const data = pixels.subarray(from * tilePixels, to * tilePixels);
        const results = await session.run({ pixels: { dtype: "f32", shape: [to - from, 3, s, s], data } });
        features.set(results.features.data as Float32Array, from * tileFeatures);
      }
      return features;
    },
    close: () => session.close(),
  };
}
