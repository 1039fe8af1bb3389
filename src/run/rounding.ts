/** What rounding the weights, and rows where those are rounded too, costs a product: computed as a converted model would. */
import type { Engine, Session, Values } from "../graph/engine.ts";
import type { DType } from "../graph/tensor.ts";
import { input, node } from "../graph/tensor.ts";
import { packed } from "../quant/packed.ts";
import type { Form } from "../weights/packed.ts";
import { companionTypes, pack4, pack8, rowGroups } from "../weights/packed.ts";

/** The squared errors of one product: of all its results, and what is lost of them with each of several scales. */
export interface Lost {
  readonly all: number;
  readonly lost: readonly number[];
}

/** Measures products; its sessions stay open for others of the same shape. */
export interface Rounding {
  /** y = x Wᵀ against the same with W's columns times the scales, and x's divided by them, both rounded. x: [n, m]; the rows of W come in pieces. */
  lost(
    x: Float32Array,
    m: number,
    pieces: Iterable<Float32Array>,
    form: Form,
    scales: readonly Float64Array[],
  ): Promise<Lost>;
  close(): Promise<void>;
}

/** Rows of a matrix that are held at a time. */
const held = 256;

const dtypes = { I8: "i8", U8: "u8", F32: "f32" } as const satisfies Record<string, DType>;

/** Of an engine. */
export function roundings(engine: Engine): Rounding {
  const sessions = new Map<string, Promise<Session>>();

  /** The product of [r, m] with a weight [n, m] in a form, or in floats. */
  function product(r: number, [n, m]: readonly [number, number], form?: Form): Promise<Session> {
    const name = `${r}x${m}x${n} ${form}`;
    const parts =
      form && companionTypes(form, [n, m]).map(({ dtype, shape }, i) => fed(`w.${i}`, shape, dtypes[dtype]));
    const w = parts ? fed("w", [n, m], "f32", { [form]: parts }) : fed("w.0", [n, m], "f32");
    const session = sessions.get(name) ?? engine.open(packed({ y: input("x", [r, m]).apply("project", [w]) }));
    sessions.set(name, session);
    return session;
  }

  return {
    async lost(x, m, pieces, form, scales) {
      const r = x.length / m;
      const rows = scales.map((s) => x.map((v, i) => v / s[i % m]));
      const lost = scales.map(() => 0);
      let all = 0;
      for await (const { count, data } of rowGroups(pieces, m, held)) {
        const w = data.subarray(0, count * m);
        const exact = await times(await product(r, [count, m]), x, [r, m], [floats(w, [count, m])]);
        all += squares(exact);
        for (const [i, s] of scales.entries()) {
          const numbers = await rounded(
            w.map((v, at) => v * s[at % m]),
            [count, m],
            form,
          );
          const y = await times(await product(r, [count, m], form), rows[i], [r, m], numbers);
          for (let at = 0; at < y.length; at++) lost[i] += (y[at] - exact[at]) ** 2;
        }
      }
      return { all, lost };
    },
    async close() {
      for (const session of sessions.values()) await (await session).close();
    },
  };
}

/** A weight that each run is given. */
const fed = (key: string, shape: readonly number[], dtype: DType, packed?: object) =>
  node("param", [], { key, shape, dtype, ...(packed && { packed }) });

const floats = (data: Float32Array, shape: readonly number[]): Values => ({ dtype: "f32", shape, data });

async function rounded(w: Float32Array, shape: readonly number[], form: Form): Promise<Values[]> {
  const numbers = form === "blocks4" ? await pack4([w], shape) : await pack8([w], shape, form);
  return companionTypes(form, shape).map(({ dtype, shape }, i) => ({ dtype: dtypes[dtype], shape, data: numbers[i] }));
}

async function times(
  session: Session,
  x: Float32Array,
  shape: readonly number[],
  weight: readonly Values[],
): Promise<Float32Array> {
  const feeds = Object.fromEntries(weight.map((values, i) => [`w.${i}`, values]));
  return (await session.run({ x: floats(x, shape), ...feeds })).y.data as Float32Array;
}

const squares = (values: Float32Array): number => values.reduce((sum, v) => sum + v * v, 0);
