/** The eyes: tiles to visual tokens, a few tiles at a time. */
import type { Engine } from "../graph/engine.ts";
import type { Outputs } from "../graph/graph.ts";
import { size } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import { type MiniMonkeyConfig, patchFeatures, tokensPerTile, visualTokens } from "../models/mini-monkey.ts";
import type { Weights } from "../weights/path.ts";

/** Tiles of one run: more bring no speed, and attention memory grows with them. */
const batch = 4;

/** Tower and connector. pixels [tiles, 3, s, s] → features [tiles, tokens, d]. */
export function sightGraph(w: Weights, c: MiniMonkeyConfig): Outputs {
  const pixels = input("pixels", [size("tiles"), 3, c.force_image_size, c.force_image_size]);
  return { features: visualTokens(patchFeatures(pixels, w, c), w, c) };
}

/** An open tower. */
export interface Sight {
  /** pixels: [tiles, 3, s, s], normalised → [tiles · tokens, d]. An aborted signal ends it between two batches. */
  see(pixels: Float32Array, signal?: AbortSignal): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Opens what `sightGraph` made. */
export async function openSight(engine: Engine, graph: Outputs, c: MiniMonkeyConfig): Promise<Sight> {
  const session = await engine.open(graph);
  const s = c.force_image_size;
  const tilePixels = 3 * s * s;
  const tileFeatures = tokensPerTile(c) * c.llm_config.hidden_size;
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
