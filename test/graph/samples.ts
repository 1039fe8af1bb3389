/** For every operator, calls that show what it does: the loops over the table run them all. */
import type { OpName } from "../../src/graph/op.ts";
import type { Shape } from "../../src/graph/shape.ts";
import { concat, constant, type DType, iota, type Tensor } from "../../src/graph/tensor.ts";

/** An input: shape, type, and the range its values are drawn from (whole numbers for i64). */
export interface Given {
  shape: Shape;
  dtype: DType;
  low: number;
  high: number;
  whole?: boolean;
}

export interface Sample {
  given: Given[];
  apply: (...inputs: Tensor[]) => Tensor;
}

const real = (shape: Shape, low = -2, high = 2): Given => ({ shape, dtype: "f32", low, high });
/** Whole numbers as f32. */
const whole = (shape: Shape): Given => ({ shape, dtype: "f32", low: -3, high: 4, whole: true });
const ids = (shape: Shape, high: number): Given => ({ shape, dtype: "i64", low: 0, high });
const flags = (shape: Shape): Given => ({ shape, dtype: "bool", low: 0, high: 2 });

const each = (op: OpName, low = -2, high = 2): Sample[] => [
  { given: [real([2, 3], low, high)], apply: (x) => x.apply(op) },
];
const pairs = (op: OpName, low = -2, high = 2): Sample[] => [
  { given: [real([2, 3]), real([2, 3], low, high)], apply: (x, y) => x.apply(op, [y]) },
  { given: [real([4, 1, 3]), real([2, 1], low, high)], apply: (x, y) => x.apply(op, [y]) },
  { given: [real([3]), real([2, 2, 3], low, high)], apply: (x, y) => x.apply(op, [y]) },
];
const logical = (op: OpName): Sample[] => [{ given: [flags([4, 3]), flags([3])], apply: (x, y) => x.apply(op, [y]) }];
const reductions = (op: OpName): Sample[] =>
  [[1], [0, 2], [0, 1, 2]].map((axes) => ({ given: [real([2, 3, 4])], apply: (x) => x.apply(op, [], { axes }) }));

export const samples: Record<OpName, Sample[]> = {
  neg: each("neg"),
  exp: each("exp"),
  log: each("log", 0.2, 3),
  sqrt: each("sqrt", 0.2, 3),
  sin: each("sin"),
  cos: each("cos"),
  tanh: each("tanh"),
  sigmoid: each("sigmoid"),
  erf: each("erf", -4, 4),
  abs: each("abs"),
  floor: each("floor"),
  round: [
    { given: [real([40], -3, 3)], apply: (x) => x.apply("round") },
    { given: [ids([9], 9)], apply: (x) => x.cast("f32").sub(4.5).apply("round") },
  ],
  not: [{ given: [flags([5])], apply: (x) => x.apply("not") }],
  add: pairs("add"),
  sub: pairs("sub"),
  mul: pairs("mul"),
  div: pairs("div", 0.5, 2),
  min: pairs("min"),
  max: pairs("max"),
  equal: [{ given: [ids([4, 3], 3), ids([3], 3)], apply: (x, y) => x.equal(y) }],
  less: pairs("less"),
  lessEqual: [{ given: [ids([4, 3], 3), ids([3], 3)], apply: (x, y) => x.lessEqual(y) }],
  and: logical("and"),
  or: logical("or"),
  where: [
    { given: [flags([2, 3]), real([2, 3]), real([2, 3])], apply: (c, x, y) => x.where(c, y) },
    { given: [flags([2, 1]), real([3]), real([])], apply: (c, x, y) => x.where(c, y) },
  ],
  cast: [
    { given: [real([2, 3])], apply: (x) => x.cast("i64") },
    { given: [ids([2, 3], 5)], apply: (x) => x.cast("f32") },
    { given: [ids([2, 3], 2)], apply: (x) => x.cast("bool") },
  ],
  round8: [
    { given: [real([40], -3, 3)], apply: (x) => x.apply("round8", [], { zero: 128 }).cast("f32") },
    { given: [real([40], -200, 400)], apply: (x) => x.apply("round8", [], { zero: 0 }).cast("f32") },
  ],
  sum: reductions("sum"),
  mean: reductions("mean"),
  maximum: reductions("maximum"),
  cumsum: [
    { given: [ids([2, 5], 3)], apply: (x) => x.apply("cumsum", [], { axis: 1 }) },
    { given: [ids([3, 2], 3)], apply: (x) => x.apply("cumsum", [], { axis: 0 }) },
  ],
  input: [{ given: [real([2, 2])], apply: (x) => x }],
  param: [],
  constant: [
    { given: [real([2, 2])], apply: (x) => x.add(constant([1, 2, 3, 4], [2, 2])) },
    { given: [ids([3], 9)], apply: (x) => x.add(constant([7], [], "i64")) },
  ],
  iota: [{ given: [ids([3], 9)], apply: (x) => x.add(iota(3)) }],
  reshape: [{ given: [real([2, 6])], apply: (x) => x.reshape([3, -1, 2]) }],
  transpose: [
    { given: [real([2, 3, 4])], apply: (x) => x.transpose([2, 0, 1]) },
    { given: [real([2, 3])], apply: (x) => x.T },
  ],
  expand: [{ given: [real([2, 1])], apply: (x) => x.expand([4, 2, 3]) }],
  concat: [
    { given: [real([2, 3]), real([2, 1]), real([2, 2])], apply: (...parts) => concat(parts, 1) },
    { given: [real([1, 3]), real([2, 3])], apply: (...parts) => concat(parts, 0) },
  ],
  slice: [{ given: [real([4, 3])], apply: (x) => x.slice(0, 1, 3) }],
  pad: [{ given: [real([2, 3])], apply: (x) => x.apply("pad", [], { axis: 1, before: 2, after: 1 }) }],
  rows: [{ given: [real([5, 3]), ids([2, 4], 5)], apply: (x, i) => x.rows(i) }],
  addRows: [
    { given: [real([2, 4, 3]), ids([2, 4], 5)], apply: (x, i) => x.apply("addRows", [i], { rows: 5, row: [3] }) },
  ],
  pick: [{ given: [real([2, 3, 5]), ids([2, 3], 5)], apply: (x, i) => x.pick(i) }],
  matmul: [
    { given: [real([2, 3]), real([3, 4])], apply: (a, b) => a.matmul(b) },
    { given: [real([2, 1, 2, 3]), real([3, 3, 4])], apply: (a, b) => a.matmul(b) },
    { given: [real([2, 4, 3]), real([2, 4, 5])], apply: (a, b) => a.T.matmul(b) },
    { given: [real([2, 2, 3]), real([5, 3])], apply: (a, b) => a.matmul(b.T) },
    { given: [real([3, 2]), real([4, 3])], apply: (a, b) => a.T.matmul(b.T) },
  ],
  matmul8: [
    {
      given: [real([2, 3, 4], -128, 127), real([4, 5], 0, 255)],
      apply: (a, b) =>
        a
          .apply("round8", [], { zero: 128 })
          .apply("matmul8", [b.apply("round8", [], { zero: 0 })], { aZero: 128, bZero: 0 }),
    },
  ],
  project: [
    { given: [real([2, 3, 4]), real([5, 4])], apply: (x, w) => x.apply("project", [w]) },
    { given: [real([3, 4]), real([2, 4]), real([2])], apply: (x, w, b) => x.apply("project", [w, b]) },
    { given: [real([2, 3, 4]), real([5, 4]), real([5])], apply: (x, w, b) => x.apply("project", [w, b]) },
  ],
  // Half a unit in the last of 8 bits may round either way: the inputs are whole numbers, so that none is near a half.
  project8: [
    { given: [whole([2, 3, 4]), whole([5, 4]), real([5])], apply: (x, w, b) => x.apply("project8", [w, b]) },
    { given: [whole([3, 4]), whole([2, 4])], apply: (x, w) => x.apply("project8", [w]) },
  ],
  product8: [[3], [2, 3]].map((lead) => ({
    given: [whole([...lead, 4]), whole([4, 5]), real([5], 0.1, 1), real([5])],
    apply: (x, w, scales, b) => x.apply("product8", [w.cast("i8"), scales, b]),
  })),
  product4: [
    { lead: [2, 2], blocks: 2, bias: [real([3])] },
    { lead: [2], blocks: 3, bias: [] },
  ].map(({ lead, blocks, bias }) => ({
    given: [
      real([...lead, 32 * blocks]),
      ids([3, blocks, 16], 256),
      real([3, blocks], 0.1, 1),
      ids([3, Math.ceil(blocks / 2)], 256),
      ...bias,
    ],
    apply: (x, w, scales, zeros, ...b) => {
      const [bytes, around] = [w, zeros].map((y) => y.cast("f32").apply("round8", [], { zero: 0 }));
      return x.apply("product4", [bytes, scales, around, ...b]);
    },
  })),
  hadamard: [
    [2, 64],
    [3, 12],
    [2, 2, 7],
  ].map((shape) => ({ given: [real(shape)], apply: (x) => x.apply("hadamard") })),
  softmax: [{ given: [real([2, 5])], apply: (x) => x.apply("softmax") }],
  logSoftmax: [{ given: [real([2, 5])], apply: (x) => x.apply("logSoftmax") }],
  multiHead: [
    {
      given: [real([2, 3, 8]), real([2, 5, 8]), real([2, 5, 8])],
      apply: (q, k, v) => q.apply("multiHead", [k, v], { heads: 2 }),
    },
    { given: [real([1, 4, 6])], apply: (x) => x.apply("multiHead", [x, x], { heads: 3 }) },
  ],
  gelu: each("gelu", -4, 4),
  silu: each("silu", -4, 4),
  layerNorm: [
    { given: [real([2, 2, 6]), real([6]), real([6])], apply: (x, w, b) => x.apply("layerNorm", [w, b], { eps: 1e-5 }) },
  ],
  rmsNorm: [{ given: [real([2, 2, 6]), real([6])], apply: (x, w) => x.apply("rmsNorm", [w], { eps: 1e-5 }) }],
};
