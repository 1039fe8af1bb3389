/** One optimiser step as one graph: loss, gradients, clipping and AdamW or Muon, from parameters to parameters. */
import { gradients } from "../graph/grad.ts";
import type { Outputs } from "../graph/graph.ts";
import { input, type Tensor } from "../graph/tensor.ts";

/** Constants of AdamW (Loshchilov 2019), of clipping by the global norm, and whether Muon steps what it can. */
export interface Optimizer {
  beta1: number;
  beta2: number;
  eps: number;
  /** λ of p ← p − lr·λ·p; what has one axis is left out: norms, biases, scales. */
  weightDecay: number;
  maxNorm: number;
  /** The matrices between hidden states take Muon's step; embeddings, heads, biases and norms keep AdamW's. */
  muon: boolean;
  /** β of the running mean of the weights, p̄ ← βp̄ + (1−β)p, which is the model that is written; 0: the weights themselves are. Steps of few
   *  pages leave noise in the weights, which a mean of many steps has less of (Polyak and Juditsky 1992). */
  mean: number;
}

/** The prefixes under which a parameter's companions are fed and fetched. */
export const momentum = (key: string): string => `momentum.${key}`;
export const variance = (key: string): string => `variance.${key}`;
export const mean = (key: string): string => `mean.${key}`;
export const gradient = (key: string): string => `gradient.${key}`;
/** A result must not carry the name of an input. */
export const next = (name: string): string => `next.${name}`;

/** Gradients of one micro-batch added to those of earlier ones, each weighted 1/`parts`: gradient.K → next.gradient.K. */
export function accumulation(loss: Tensor, params: ReadonlyMap<string, Tensor>, parts: number): Outputs {
  const sums = summed(loss, params, parts, true);
  return Object.fromEntries([...params.keys()].map((key, i) => [next(gradient(key)), sums[i]]));
}

/** The step: K, momentum.K, variance.K, mean.K → next.K, next.momentum.K, next.variance.K (not where Muon steps), next.mean.K (where a mean is kept), and `norm`, the gradient's length before clipping.
 *  Also fed: lr [1], and ages [K's count], the steps each parameter has had, this one included. With parts > 1 it takes
 *  gradient.K of the parts before. */
export function update(loss: Tensor, params: ReadonlyMap<string, Tensor>, o: Optimizer, parts = 1): Outputs {
  const sums = summed(loss, params, parts, parts > 1);
  const squares = sums.map((g) =>
    g
      .mul(g)
      .sum([...g.shape.keys()])
      .reshape([1]),
  );
  const norm = squares.reduce((a, b) => a.add(b)).apply("sqrt");
  const clip = norm.scalar(o.maxNorm).div(norm.max(o.maxNorm));
  const lr = input("lr", [1]);
  const ages = input("ages", [params.size]);
  const [corrections1, corrections2] = [o.beta1, o.beta2].map((beta) =>
    ages.mul(Math.log(beta)).apply("exp").apply("neg").add(1),
  );
  const outputs: Record<string, Tensor> = { norm };
  [...params].forEach(([key, p], i) => {
    const g = sums[i].mul(clip);
    const m = input(momentum(key), p.shape);
    const rates = { lr, correction1: corrections1.slice(0, i, i + 1), correction2: corrections2.slice(0, i, i + 1) };
    const then =
      o.muon && hidden(key, p) ? muon(p, g, m, lr, o) : adamW(p, g, { m, v: input(variance(key), p.shape) }, rates, o);
    outputs[next(key)] = then.p;
    outputs[next(momentum(key))] = then.m;
    if (then.v) outputs[next(variance(key))] = then.v;
    if (o.mean) outputs[next(mean(key))] = averaged(key, then.p, ages.slice(0, i, i + 1), o.mean);
  });
  return outputs;
}

function summed(loss: Tensor, params: ReadonlyMap<string, Tensor>, parts: number, before: boolean): Tensor[] {
  const own = gradients(parts === 1 ? loss : loss.div(parts), [...params.values()]);
  return before ? [...params.keys()].map((key, i) => own[i].add(input(gradient(key), own[i].shape))) : own;
}

/** p̄ ← βp̄ + (1−β)p. A parameter young in its steps has a short memory, as its first values are not worth keeping: β is at most (1 + t)/(10 + t). */
function averaged(key: string, p: Tensor, age: Tensor, beta: number): Tensor {
  const kept = age.add(1).div(age.add(10)).min(beta);
  return p.add(input(mean(key), p.shape).sub(p).mul(kept));
}

interface Moments {
  m: Tensor;
  v: Tensor;
}
type Stepped = Partial<Moments> & { p: Tensor; m: Tensor };

/** m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ); m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p − lr·(m̂ / (√v̂ + ε) + λp). */
function adamW(
  p: Tensor,
  g: Tensor,
  now: Moments,
  { lr, correction1, correction2 }: Record<"lr" | "correction1" | "correction2", Tensor>,
  o: Optimizer,
): Stepped {
  const m = now.m.mul(o.beta1).add(g.mul(1 - o.beta1));
  const v = now.v.mul(o.beta2).add(g.mul(g).mul(1 - o.beta2));
  const direction = m.div(correction1).div(v.div(correction2).apply("sqrt").add(o.eps));
  const decayed = p.shape.length > 1 && o.weightDecay ? direction.add(p.mul(o.weightDecay)) : direction;
  return { p: p.sub(decayed.mul(lr)), m, v };
}

/** What Muon takes: the matrices between hidden states, whatever a family calls its layers; adapters are what is between two of them. */
const hidden = (key: string, p: Tensor): boolean =>
  p.shape.length === 2 && /\.(layers?|blocks)\.\d+\.|^mlp1\./.test(key) && !key.includes(".lora_");

const mu = 0.95;

/** Muon (Jordan 2024), at AdamW's rates (arXiv 2502.16982, eq. 4): m ← μm + g, p ← p − lr·(0.2·√max(rows, columns)·orthogonal(μm + g) + λp). */
function muon(p: Tensor, g: Tensor, before: Tensor, lr: Tensor, o: Optimizer): Stepped {
  const m = before.mul(mu).add(g);
  const [rows, columns] = p.shape as number[];
  const direction = orthogonal(m.mul(mu).add(g)).mul(0.2 * Math.sqrt(Math.max(rows, columns)));
  return { p: p.sub(direction.add(p.mul(o.weightDecay)).mul(lr)), m };
}

/** UVᵀ of x = USVᵀ, its singular values only near 1 (0.7 to 1.2): five Newton–Schulz steps X ← aX + (bA + cA²)X with A = XXᵀ. */
function orthogonal(x: Tensor): Tensor {
  const [rows, columns] = x.shape as number[];
  if (rows > columns) return orthogonal(x.transpose([1, 0])).transpose([1, 0]);
  let y = x.div(x.mul(x).sum([0, 1]).apply("sqrt").add(1e-7).reshape([1, 1]));
  for (let i = 0; i < 5; i++) {
    const a = y.matmul(y.transpose([1, 0]));
    y = y.mul(3.4445).add(a.mul(-4.775).add(a.matmul(a).mul(2.0315)).matmul(y));
  }
  return y;
}
