import fc from "fast-check";
import { expect, test } from "vitest";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../src/weights/half.ts";

// Bits that CPython's struct format "e" packs for these float32 values; past 65,519.99 it refuses, IEEE says infinity.
const packed: [number, number][] = [
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2.5, 0xc100],
  [65504, 0x7bff],
  [65519.98828125, 0x7bff],
  [65520, 0x7c00],
  [1e9, 0x7c00],
  [6.103515625e-5, 0x0400],
  [6.1005353927612305e-5, 0x0400],
  [2 ** -24, 0x0001],
  [2 ** -25, 0x0000],
  [2.980232594040899e-8, 0x0001],
  [8.940696716308594e-8, 0x0002],
  [1.401298464324817e-45, 0x0000],
  [0.3333333432674408, 0x3555],
  [0.10000000149011612, 0x2e66],
  [2049, 0x6800],
  [2051, 0x6802],
  [3.1415927410125732, 0x4248],
  [1.00048828125, 0x3c00],
  [1.00146484375, 0x3c02],
];

test.each(packed)("%d rounds to the binary16 that CPython packs", (value, bits) => {
  expect(f32ToF16(Float32Array.of(value))[0]).toBe(bits);
});

test("every binary16 but a NaN survives float32 and back", () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const back = f32ToF16(f16ToF32(bits));
  const changed = bits.filter((b, i) => back[i] !== b && !((b & 0x7c00) === 0x7c00 && (b & 0x3ff) !== 0));
  expect(changed).toHaveLength(0);
  expect(f16ToF32(Uint16Array.of(0x7e01))[0]).toBeNaN();
  expect(f16ToF32(f32ToF16(Float32Array.of(Number.NaN)))[0]).toBeNaN();
});

test.each([
  [1, 0x3f80],
  [-2, 0xc000],
  [1.00390625, 0x3f80], // a tie: down to even
  [1.01171875, 0x3f82], // a tie: up to even
  [3.4028234663852886e38, 0x7f80],
  [Number.NEGATIVE_INFINITY, 0xff80],
])("%d rounds to the nearest bfloat16, ties to even", (value, bits) => {
  expect(f32ToBf16(Float32Array.of(value))[0]).toBe(bits);
});

test("a NaN whose payload lies in the lower half stays a NaN in bfloat16", () => {
  expect(bf16ToF32(f32ToBf16(new Float32Array(Uint32Array.of(0x7f800001).buffer)))[0]).toBeNaN();
});

test.each([
  ["binary16", f32ToF16, f16ToF32],
  ["bfloat16", f32ToBf16, bf16ToF32],
] as const)("no neighbour in %s is nearer than the chosen one", (_, narrow, widen) => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, min: -60000, max: 60000 }), (value) => {
      const [bits] = narrow(Float32Array.of(value));
      const [chosen, up, down] = widen(Uint16Array.of(bits!, bits! + 1, bits! - 1));
      for (const other of [up!, down!])
        if (Number.isFinite(other)) expect(Math.abs(chosen! - value)).toBeLessThanOrEqual(Math.abs(other - value));
    }),
  );
});
