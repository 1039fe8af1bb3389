import { expect, test } from "vitest";
import type { Dtype } from "../../src/weights/header.ts";
import { decodeValues, encodeValues, firstNonFinite, type Values } from "../../src/weights/values.ts";

const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

test.each(["F32", "F16", "BF16", "F64"] as const)(
  "the first NaN or infinity of %s is found where it stands",
  (dtype) => {
    for (const value of bad) {
      const numbers = [0, -1, 6e4, value, 2, value];
      const values = dtype === "F64" ? Float64Array.from(numbers) : Float32Array.from(numbers);
      expect(firstNonFinite(dtype, encodeValues(dtype, values, "w"))).toBe(3);
    }
  },
);

test.each<[Dtype, Values]>([
  ["F32", Float32Array.of(3.4028234663852886e38, -1e-45, -0)],
  ["BF16", Uint16Array.of(0x7f7f, 0xff7f)],
  ["F16", Uint16Array.of(0x7bff, 0xfbff)],
  ["I32", Int32Array.of(0x7f800000, -1)],
  ["U8", Uint8Array.of(255)],
])("the largest and smallest numbers of %s are finite", (dtype, values) => {
  expect(firstNonFinite(dtype, encodeValues(dtype, values, "w"))).toBe(-1);
});

test("bytes that lie at an odd place are read all the same", () => {
  const shifted = new Uint8Array(9);
  shifted.set(new Uint8Array(Float32Array.of(1.5, Number.NaN).buffer), 1);
  expect(decodeValues("F32", shifted.subarray(1))).toEqual(Float32Array.of(1.5, Number.NaN));
  expect(firstNonFinite("F32", shifted.subarray(1))).toBe(1);
});
