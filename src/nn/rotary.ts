/** Rotary positions (Su 2021), half-split pairing: element j turns with element j + e/2. */
import { concat, constant, type Tensor } from "../graph/tensor.ts";

/** How angles stretch beyond the trained length M, once the whole sequence is L long; L: f32 [1], or [b, 1, 1]. */
export type Stretch = DynamicNtk | LongRope;

/** By another base: θ · ((f·L/M) − (f − 1))^(e/(e−2)) where L exceeds M. */
interface DynamicNtk {
  readonly factor: number;
  readonly trained: number;
  readonly length: Tensor;
}

/** By a divisor for each pair, of the list `long` where L exceeds M and of `short` where not; sines and cosines grow by the
 *  amplitude at any length (Ding 2024, LongRoPE). */
interface LongRope {
  readonly short: readonly number[];
  readonly long: readonly number[];
  readonly amplitude: number;
  readonly trained: number;
  readonly length: Tensor;
}

/** A function that turns x by its positions. positions: [b, t] i64; x: [b, heads…, t, e]. Angle of pair j: position · θ^(−2j/e). */
export function rotary(positions: Tensor, e: number, theta: number, stretch?: Stretch): (x: Tensor) => Tensor {
  const half = e / 2;
  const angles = positions
    .cast("f32")
    .rearrange("b t -> b t 1")
    .mul(frequencies(half, Math.log(theta), stretch));
  const wave = (of: "cos" | "sin", shape: Tensor["shape"]): Tensor => {
    const y = angles.apply(of).reshape(shape);
    return stretch && "long" in stretch ? y.mul(stretch.amplitude) : y;
  };
  return (x) => {
    const heads = Array<number>(x.shape.length - 3).fill(1);
    const shape = [angles.shape[0], ...heads, angles.shape[1], half];
    const cos = wave("cos", shape);
    const sin = wave("sin", shape);
    const a = x.slice(-1, 0, half);
    const b = x.slice(-1, half, e);
    return concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1);
  };
}

/** Of each pair: [half], or [b, 1, half] where the lengths of b sequences stretch them. */
function frequencies(half: number, lnTheta: number, stretch?: Stretch): Tensor {
  const exponents = constant(
    Array.from({ length: half }, (_, j) => -j / half),
    [half],
  );
  if (stretch && "factor" in stretch) return exponents.mul(stretched(lnTheta, 2 * half, stretch)).apply("exp");
  const plain = exponents.mul(lnTheta).apply("exp");
  if (!stretch) return plain;
  const [short, long] = [stretch.short, stretch.long].map((factors) => constant(factors, [half]));
  return plain.div(short.where(stretch.length.lessEqual(stretch.trained), long));
}

/** ln of the base: as it is up to the trained length, then growing with the length. */
function stretched(lnTheta: number, e: number, { factor, trained, length }: DynamicNtk): Tensor {
  const growth = length
    .mul(factor / trained)
    .sub(factor - 1)
    .max(1)
    .apply("log");
  return growth.mul(e / (e - 2)).add(lnTheta);
}
