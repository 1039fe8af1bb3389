/** Layers written out in loops, in float64: what models are held against for which there is no reference of their authors. */
import type { Value } from "../../src/graph/op.ts";

/** The vector of one token or patch. */
export type Row = number[];

/** Layers by the keys of their weights; a bias is added where there is one. */
export interface Plain {
  /** Row i of a table of vectors of length d. */
  row(key: string, i: number, d: number): Row;
  linear(x: Row, key: string): Row;
  layerNorm(x: Row, key: string, eps: number): Row;
  rmsNorm(x: Row, key: string, eps: number): Row;
  has(key: string): boolean;
}

export function plain(weights: Readonly<Record<string, Value>>): Plain {
  const at = (key: string): Value => {
    if (!weights[key]) throw new Error(`no weight ${key}; there are ${Object.keys(weights).join(", ")}`);
    return weights[key];
  };
  return {
    has: (key) => key in weights,
    row: (key, i, d) => [...at(key).data.slice(i * d, (i + 1) * d)],
    linear(x, key) {
      const { shape, data } = at(`${key}.weight`);
      const bias = weights[`${key}.bias`]?.data;
      return Array.from({ length: shape[0] }, (_, i) => {
        let y = bias ? bias[i] : 0;
        for (let j = 0; j < shape[1]; j++) y += x[j] * data[i * shape[1] + j];
        return y;
      });
    },
    layerNorm(x, key, eps) {
      const mean = x.reduce((a, b) => a + b) / x.length;
      const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
      const [weight, bias] = [at(`${key}.weight`).data, at(`${key}.bias`).data];
      return x.map((v, i) => ((v - mean) / Math.sqrt(variance + eps)) * weight[i] + bias[i]);
    },
    rmsNorm(x, key, eps) {
      const size = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + eps);
      const weight = at(`${key}.weight`).data;
      return x.map((v, i) => (v / size) * weight[i]);
    },
  };
}

export const plus = (x: Row, y: Row): Row => x.map((v, i) => v + y[i]);

/** softmax(q kᵀ / √e) v head by head; neighbouring heads share keys where there are fewer of them. Query t sees the first `seen(t)` keys. */
export function attended(q: Row[], k: Row[], v: Row[], heads: number, seen = (_: number): number => k.length): Row[] {
  const e = q[0].length / heads;
  const shared = q[0].length / k[0].length;
  return q.map((query, t) =>
    Array.from({ length: heads }, (_, h) => {
      const own = Math.floor(h / shared) * e;
      const weights = k.slice(0, seen(t)).map((key) => {
        let product = 0;
        for (let j = 0; j < e; j++) product += query[h * e + j] * key[own + j];
        return Math.exp(product / Math.sqrt(e));
      });
      const total = weights.reduce((a, b) => a + b);
      return Array.from({ length: e }, (_, j) => weights.reduce((y, w, s) => y + (w / total) * v[s][own + j], 0));
    }).flat(),
  );
}

/** A vector of heads of e elements, each turned: pair j of a head by the angle `angle(j)`, and made `amplitude` times as long. */
export function turned(x: Row, e: number, angle: (pair: number) => number, amplitude = 1): Row {
  return x.map((v, i) => {
    const j = i % e;
    const [pair, other] = j < e / 2 ? [j, -x[i + e / 2]] : [j - e / 2, x[i - e / 2]];
    return amplitude * (v * Math.cos(angle(pair)) + other * Math.sin(angle(pair)));
  });
}
