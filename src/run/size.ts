/** How large a model is, told from its shapes: nothing of it need be here. */
import { total } from "../graph/value.ts";
import type { Multimodal } from "../models/multimodal.ts";
import { type Dtype, dtypeBytes } from "../weights/header.ts";
import { companionTypes } from "../weights/packed.ts";
import { outlineOf } from "./outline.ts";
import { formsOf, type StoredPrecision } from "./storing.ts";

/** Numbers in a model's weights, and the bytes that they take stored at each precision, scales included: as many on disk, without the files' headers, as in memory. */
export interface Size {
  readonly parameters: number;
  readonly bytes: Readonly<Record<StoredPrecision, number>>;
}

/** Counts them off the graphs. */
export function sizeOf(model: Multimodal): Size {
  const { wanted, ...graphs } = outlineOf(model);
  const shapes = [...wanted].map(([key, { shape }]) => [key, shape] as const);
  const bytes = (precision: StoredPrecision): number => {
    const forms = formsOf(graphs, precision);
    const dtype = precision === "f16" ? "F16" : "F32";
    const stored = shapes.flatMap(
      ([key, shape]): { dtype: Dtype; shape: readonly number[] }[] =>
        forms.get(key)?.flatMap((form) => companionTypes(form, shape)) ?? [{ dtype, shape }],
    );
    return stored.reduce((sum, { dtype, shape }) => sum + dtypeBytes[dtype] * total(shape), 0);
  };
  return {
    parameters: shapes.reduce((sum, [, shape]) => sum + total(shape), 0),
    bytes: { f32: bytes("f32"), f16: bytes("f16"), int8: bytes("int8"), int4: bytes("int4") },
  };
}
