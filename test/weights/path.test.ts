/** Paths are keys; a path and a source that disagree are an error that says how. */
import { describe, expect, test } from "vitest";
import { WeightError } from "../../src/errors.ts";
import { openEnded } from "../../src/weights/checkpoint.ts";
import { close, cure, param, type Source, weights } from "../../src/weights/path.ts";

const none = { value: 0 };
const source = (shapes: Record<string, number[]>): Source => ({
  name: "model.safetensors",
  keys: () => Object.keys(shapes),
  find: (key) => (key in shapes ? { shape: shapes[key] } : undefined),
});

test("a path in the code is the key in the file, numbers included", () => {
  const w = weights(source({ "encoder.layers.3.attn.qkv.weight": [6, 2], "mlp1.0.bias": [4] }));
  expect(param(w.encoder.layers[3].attn.qkv.weight, [6, 2], none).attrs.key).toBe("encoder.layers.3.attn.qkv.weight");
  expect(param(w.mlp1[0].bias, [4], none).attrs.key).toBe("mlp1.0.bias");
});

test("the same path twice is the same tensor, from any root of the same weights", () => {
  const w = weights(source({ "a.b": [2] }));
  const { a } = w;
  expect(param(a.b, [2], none)).toBe(param(w.a.b, [2], none));
  expect(param(weights(source({ "a.b": [2] })).a.b, [2], none)).not.toBe(param(w.a.b, [2], none));
});

test("a part of a path can be asked for without binding it", () => {
  const w = weights(source({ "layers.0.attn.q_norm.weight": [2] }));
  expect("q_norm" in w.layers[0].attn).toBe(true);
  expect("weight" in w.layers[0].attn.q_norm).toBe(true);
  expect("k_norm" in w.layers[0].attn).toBe(false);
  expect("q" in w.layers[0].attn).toBe(false);
});

describe("what does not fit is an error", () => {
  const shapes = { "fc1.weight": [40, 24], "fc1.bias": [40], "fc2.weight": [24, 40], head: [1] };

  test("a missing key, with the three nearest, nearest first", () => {
    const w = weights(source(shapes));
    expect(() => param(w.fc1.weights, [40, 24], none)).toThrow(
      new WeightError(
        `no weight "fc1.weights" in model.safetensors; nearest: fc1.weight, fc2.weight, fc1.bias; ${cure}`,
      ),
    );
  });

  test("a missing key of an empty source", () => {
    expect(() => param(weights(source({})).a, [1], none)).toThrow(
      'no weight "a" in model.safetensors; nearest: none, the source is empty',
    );
  });

  test.each([[[41, 24]], [[24, 40]], [[40, 24, 1]], [[960]]])("shape %j, with the one in the file", (shape) => {
    expect(() => param(weights(source(shapes)).fc1.weight, shape, none)).toThrow(
      new WeightError(`"fc1.weight" is [40, 24] in model.safetensors, [${shape.join(", ")}] in the model; ${cure}`),
    );
  });

  test("a second use with another shape", () => {
    const w = weights(openEnded());
    param(w.embed, [9, 4], none);
    expect(() => param(w.embed, [4, 9], none)).toThrow('"embed" is [9, 4] in a new model, [4, 9] in the model');
  });

  test("keys that nothing used, the first five by name", () => {
    const many = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`k${i}`, [1]]));
    const w = weights(source(many));
    param(w.k0, [1], none);
    expect(() => close(w, /k7/)).toThrow(
      new WeightError(
        `model.safetensors: the model uses 1 weights and leaves 6 unused: k1, k2, k3, k4, k5, …; ${cure}`,
      ),
    );
    expect(() => close(w, /k[1-7]/)).not.toThrow();
  });
});
