/** Lowering: what ONNX Runtime makes of the bytes, and what is in them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import protobuf from "protobufjs";
import { afterAll, describe, expect, test } from "vitest";
import { EngineError, ShapeError } from "../../src/errors.ts";
import type { Feeds, Values } from "../../src/graph/engine.ts";
import { evaluate } from "../../src/graph/evaluate.ts";
import type { Outputs } from "../../src/graph/graph.ts";
import { onnxModel } from "../../src/graph/onnx.ts";
import type { Value } from "../../src/graph/op.ts";
import { plus, size } from "../../src/graph/shape.ts";
import { constant, input, iota } from "../../src/graph/tensor.ts";
import { ortNode } from "../../src/run/ort-node.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { param, weights } from "../../src/weights/path.ts";
import { writeSafetensors } from "../../src/weights/safetensors.ts";
import { drawn, floats, gap, value } from "../support/values.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-onnx-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(outputs: Outputs, feeds: Feeds, options = {}): Promise<Record<string, Values>> {
  const session = await ortNode({ threads: 1, folder, ...options }).open(outputs);
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

/** Op types of the nodes in the bytes: ModelProto.graph (7), GraphProto.node (1), NodeProto.op_type (4). */
function opTypes(model: Uint8Array): string[] {
  const fields = (bytes: Uint8Array, wanted: number): Uint8Array[] => {
    const reader = protobuf.Reader.create(bytes);
    const found: Uint8Array[] = [];
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === ((wanted << 3) | 2)) found.push(reader.bytes());
      else reader.skipType(tag & 7);
    }
    return found;
  };
  const [graph] = fields(model, 7);
  return fields(graph, 1).map((node) => new TextDecoder().decode(fields(node, 4)[0]));
}

describe("a weight in a file", () => {
  const stored: [key: string, Value][] = [
    ["before", drawn([3], 1)],
    ["fc.weight", drawn([4, 3], 2)],
    ["fc.bias", drawn([4], 3)],
  ];

  test.each(["F32", "F16", "BF16"] as const)("stored as %s computes what its stored numbers mean", async (dtype) => {
    const name = `${dtype}.safetensors`;
    writeSafetensors(
      join(folder, name),
      stored.map(([key, { shape, data }]) => [key, { dtype, shape, data: Float32Array.from(data) }]),
    );
    const checkpoint = openCheckpoint(folder, [name]);
    const w = weights(checkpoint);
    const none = { value: 0 };
    const y = input("x", [2, 3]).apply("project", [param(w.fc.weight, [4, 3], none), param(w.fc.bias, [4], none)]);
    const x = drawn([2, 3], 4);
    const numbers = (key: string): Value => {
      const file = checkpoint.file(key);
      return { shape: file.entries.get(key)!.shape, data: Float64Array.from(file.read(key) as Float32Array) };
    };
    const wanted = evaluate({ y }, { x, "fc.weight": numbers("fc.weight"), "fc.bias": numbers("fc.bias") });
    const found = await run({ y }, { x: floats(x) });
    checkpoint.close();
    expect(gap(found.y.data as Float32Array, wanted.y.data)).toBeLessThan(1e-6);
    // Rounding to 16 bits must show, or nothing was stored as such.
    const unrounded = evaluate({ y }, { x, ...Object.fromEntries(stored) });
    const rounding = gap(wanted.y.data, unrounded.y.data);
    if (dtype === "F32") expect(rounding).toBe(0);
    else expect(rounding).toBeGreaterThan(1e-5);
  });

  test("that is not in a file is given to each run under its key", async () => {
    const w = weights({ name: "nowhere", keys: () => [], find: (_, shape) => ({ shape }) });
    const y = input("x", [2]).mul(param(w.scale, [2], { value: 1 }));
    const x = floats(value([2], 3, 4));
    expect([...(await run({ y }, { x, scale: floats(value([2], 10, 100)) })).y.data]).toEqual([30, 400]);
    await expect(run({ y }, { x })).rejects.toThrow(new EngineError('run: no value for weight "scale"'));
  });

  test("stays out of the bytes of the model", () => {
    const at = { file: "big.safetensors", offset: 8, length: 4e8, dtype: "f32" } as const;
    const w = weights({ name: "big", keys: () => [], find: (_, shape) => ({ shape, at }) });
    const y = input("x", [1, 10000]).apply("project", [param(w.big, [10000, 10000], { value: 0 })]);
    expect(onnxModel({ y }).length).toBeLessThan(2000);
  });
});

describe("a named size", () => {
  const t = size("tokens");
  const x = input("x", [t, 2]);

  test("is that of the run: one session serves any number of tokens", async () => {
    const y = x
      .add(iota(t).cast("f32").reshape([t, 1]))
      .rearrange("t d -> (t d)")
      .slice(0, 1, plus(t, t));
    const session = await ortNode({ threads: 1 }).open({ y });
    for (const tokens of [1, 3, 8]) {
      const given = drawn([tokens, 2], tokens);
      const found = (await session.run({ x: floats(given) })).y;
      expect(found.shape).toEqual([2 * tokens - 1]);
      expect(gap(found.data as Float32Array, evaluate({ y }, { x: given }).y.data)).toBeLessThan(1e-6);
    }
    await session.close();
  });

  test("that an input contradicts is an error that names the input and both shapes", async () => {
    const y = x.add(input("z", [t, 2]));
    const given = { x: floats(drawn([3, 2], 1)), z: floats(drawn([4, 2], 2)) };
    await expect(run({ y }, given)).rejects.toThrow('input "z" is [4, 2], [tokens, 2] was expected');
  });

  test("that no input binds is an error when the graph is lowered", () => {
    const lost = x.sum([0, 1]).expand([1, size("rows")]);
    expect(() => onnxModel({ lost })).toThrow(new ShapeError('size "rows" is bound by no input; there are tokens'));
  });
});

test("outputs have the names they are given: results, inputs, constants, and one result under two names", async () => {
  const x = input("x", [2]);
  const y = x.mul(2);
  const outputs = { twice: y, "also.twice": y, same: x, fixed: constant([7], [1]), more: y.add(1) };
  const found = await run(outputs, { x: floats(value([2], 1, 2)) });
  expect(Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, [...data]]))).toEqual({
    twice: [2, 4],
    "also.twice": [2, 4],
    same: [1, 2],
    fixed: [7],
    more: [3, 5],
  });
});

describe("what is equal is written once", () => {
  const x = input("x", [2, 3]);
  const exps = (outputs: Outputs): number => opTypes(onnxModel(outputs)).filter((op) => op === "Exp").length;
  test("a node that several use", () => {
    const e = x.apply("exp");
    expect(exps({ y: e.add(e.mul(2)), z: e.sub(1), e })).toBe(1);
  });
  test("two nodes that say the same", () => {
    expect(exps({ y: x.apply("exp").add(1), z: x.apply("exp").sub(1) })).toBe(1);
    expect(exps({ y: x.apply("exp").add(1), z: x.add(1).apply("exp") })).toBe(2);
  });
  test("what two products in 8 bits turn and round of the same rows", () => {
    const rows = input("rows", [2, 64]);
    const product = (name: string) =>
      rows.apply("hadamard").apply("product8", [input(name, [64, 8], "i8"), input(`${name}.scales`, [8])]);
    const types = opTypes(onnxModel({ gate: product("gate"), up: product("up") }, { signed8: true }));
    const written = (op: string): number => types.filter((type) => type === op).length;
    expect([written("MatMul"), written("QuantizeLinear"), written("MatMulIntegerToFloat")]).toEqual([1, 1, 2]);
  });
});

test("without fused operators only standard ONNX is written, for the same numbers", async () => {
  const y = input("x", [2, 6])
    .apply("gelu")
    .apply("rmsNorm", [input("gamma", [6])], { eps: 1e-5 });
  expect(opTypes(onnxModel({ y }))).toEqual(["Gelu", "SimplifiedLayerNormalization"]);
  const plain = opTypes(onnxModel({ y }, { fused: false }));
  expect(plain).not.toContain("Gelu");
  expect(plain).not.toContain("SimplifiedLayerNormalization");
  const feeds = { x: floats(drawn([2, 6], 5)), gamma: floats(drawn([6], 6)) };
  const [a, b] = [await run({ y }, feeds), await run({ y }, feeds, { fused: false })];
  expect(gap(a.y.data as Float32Array, b.y.data as Float32Array)).toBeLessThan(1e-6);
});
