/** Stochastic depth (Huang 2016): which residual branches of the tower each tile skips in a step. */
import type { Random } from "../data/random.ts";
import type { Values } from "../graph/engine.ts";
import type { VisionConfig } from "../models/intern-vit.ts";

/** [2·layers, n]: 0 for a branch that is skipped, 1/(1 − p) for one that is kept, where p = i/(layers − 1) · rate in layer i. */
export function dropPath(c: VisionConfig, n: number, random: Random): Values {
  const layers = c.num_hidden_layers;
  const data = Float32Array.from({ length: 2 * layers * n }, (_, at) => {
    const layer = Math.floor(at / (2 * n));
    const skipped = layers > 1 ? (layer / (layers - 1)) * c.drop_path_rate : 0;
    return random.chance(skipped) ? 0 : 1 / (1 - skipped);
  });
  return { dtype: "f32", shape: [2 * layers, n], data };
}
