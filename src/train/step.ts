/** One optimiser step as one graph: loss, gradients, clipping and AdamW, from parameters to parameters. */
import { gradients } from "../graph/grad.ts";
import type { Outputs } from "../graph/graph.ts";
import { input, type Tensor } from "../graph/tensor.ts";

/** Constants of AdamW (Loshchilov 2019) and of clipping by the global norm. */
export interface AdamW {
  beta1: number;
  beta2: number;
  eps: number;
  /** λ of p ← p − lr·λ·p; what has one axis is left out: norms, biases, scales. */
  weightDecay: number;
  maxNorm: number;
}

/** The prefixes under which a parameter's companions are fed and fetched. */
export const momentum = (key: string): string => `momentum.${key}`;
export const variance = (key: string): string => `variance.${key}`;
export const gradient = (key: string): string => `gradient.${key}`;
/** A result must not carry the name of an input. */
export const next = (name: string): string => `next.${name}`;

/** Gradients of one micro-batch added to those of earlier ones, each weighted 1/`parts`: gradient.K → next.gradient.K. */
export function accumulation(loss: Tensor, params: ReadonlyMap<string, Tensor>, parts: number): Outputs {
  const sums = summed(loss, params, parts, true);
  return Object.fromEntries([...params.keys()].map((key, i) => [next(gradient(key)), sums[i]]));
}

/** The step: K, momentum.K, variance.K → next.K, next.momentum.K, next.variance.K, and `norm`, the gradient's length before clipping.
 *  Also fed: lr [1], and ages [K's count], the steps each parameter has had, this one included. With parts > 1 it takes
 *  gradient.K of the parts before. */
export function update(loss: Tensor, params: ReadonlyMap<string, Tensor>, o: AdamW, parts = 1): Outputs {
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
    const now = { m: input(momentum(key), p.shape), v: input(variance(key), p.shape) };
    const rates = { lr, correction1: corrections1.slice(0, i, i + 1), correction2: corrections2.slice(0, i, i + 1) };
    const then = adamW(p, sums[i].mul(clip), now, rates, o);
    outputs[next(key)] = then.p;
    outputs[next(momentum(key))] = then.m;
    outputs[next(variance(key))] = then.v;
  });
  return outputs;
}

function summed(loss: Tensor, params: ReadonlyMap<string, Tensor>, parts: number, before: boolean): Tensor[] {
  const own = gradients(parts === 1 ? loss : loss.div(parts), [...params.values()]);
  return before ? [...params.keys()].map((key, i) => own[i].add(input(gradient(key), own[i].shape))) : own;
}

interface Moments {
  m: Tensor;
  v: Tensor;
}

/** m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ); m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p − lr·(m̂ / (√v̂ + ε) + λp). */
function adamW(
  p: Tensor,
  g: Tensor,
  now: Moments,
  { lr, correction1, correction2 }: Record<"lr" | "correction1" | "correction2", Tensor>,
  o: AdamW,
): Moments & { p: Tensor } {
  const m = now.m.mul(o.beta1).add(g.mul(1 - o.beta1));
  const v = now.v.mul(o.beta2).add(g.mul(g).mul(1 - o.beta2));
  const direction = m.div(correction1).div(v.div(correction2).apply("sqrt").add(o.eps));
  const decayed = p.shape.length > 1 && o.weightDecay ? direction.add(p.mul(o.weightDecay)) : direction;
  return { p: p.sub(decayed.mul(lr)), m, v };
}
