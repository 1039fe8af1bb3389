/** Rotary positions (Su 2021), half-split pairing: element j turns with element j + e/2. */
import { concat, constant, type Tensor } from "../graph/tensor.ts";

/** How angles stretch beyond the trained length: base · ((f·L/M) − (f − 1))^(e/(e−2)) once the length L exceeds M. */
export interface DynamicNtk {
  factor: number;
  trained: number;
  /** f32 [1]. */
  length: Tensor;
}

/** A function that turns x by its positions. positions: [b, t] i64; x: [b, heads…, t, e]. Angle of pair j: position · θ^(−2j/e). */
export function rotary(positions: Tensor, e: number, theta: number, ntk?: DynamicNtk): (x: Tensor) => Tensor {
  const half = e / 2;
  const exponents = constant(
    Array.from({ length: half }, (_, j) => (-2 * j) / e),
    [half],
  );
  const frequencies = exponents.mul(ntk ? stretched(Math.log(theta), e, ntk) : Math.log(theta)).apply("exp");
  const angles = positions.cast("f32").rearrange("b t -> b t 1").mul(frequencies);
  return (x) => {
    const heads = Array<number>(x.shape.length - 3).fill(1);
    const shape = [angles.shape[0], ...heads, angles.shape[1], half];
    const cos = angles.apply("cos").reshape(shape);
    const sin = angles.apply("sin").reshape(shape);
    const a = x.slice(-1, 0, half);
    const b = x.slice(-1, half, e);
    return concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1);
  };
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
