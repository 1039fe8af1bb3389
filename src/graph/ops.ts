/** The operator table: every operator of the compiler, one row each, in the rooms of their kind. */
import type { Op, OpName } from "./op.ts";
import { composites } from "./ops-composite.ts";
import { elementwise } from "./ops-elementwise.ts";
import { layout } from "./ops-layout.ts";
import { products } from "./ops-product.ts";

export const ops: Readonly<Record<OpName, Op>> = { ...elementwise, ...layout, ...products, ...composites };
