/** Half-width floats, IEEE binary16 ("F16") and bfloat16 ("BF16"), to and from 32 bits. */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

let f16Table: Float32Array | undefined;

/** All 65,536 values of binary16, by their bits. */
function f16Values(): Float32Array {
  if (f16Table) return f16Table;
  f16Table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    f16Table[bits] = bits & 0x8000 ? -size : size;
  }
  return f16Table;
}

/** Bits of binary16 to float32, exactly. */
export function f16ToF32(bits: Uint16Array): Float32Array {
  const table = f16Values();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!;
  return out;
}

/** Bits of bfloat16 to float32, exactly: a bfloat16 is the upper half of a float32. */
export function bf16ToF32(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

/** float32 to the bits of the nearest binary16, ties to even; beyond 65,504 to infinity. */
export function f32ToF16(values: Float32Array): Uint16Array {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const bits = source[i]!;
    out[i] = ((bits >>> 16) & 0x8000) | f16Magnitude(bits & 0x7fffffff);
  }
  return out;
}

/** bits: a float32 without its sign. */
function f16Magnitude(bits: number): number {
  if (bits > 0x7f800000) return 0x7e00; // not a number
  if (bits >= 0x477ff000) return 0x7c00; // from 65,520 on the nearest is infinity
  // Exponent rebased from 127 to 15; adding 0xfff, and 1 when the last kept bit is odd, rounds ties to even.
  if (bits >= 0x38800000) return (bits - 0x38000000 + 0xfff + ((bits >>> 13) & 1)) >>> 13;
  // Below 2^-14 the steps are 2^-24, which is the spacing of float32 just above 1/2: adding 1/2 rounds to it.
  u32[0] = bits;
  f32[0] = f32[0]! + 0.5;
  return u32[0]! - 0x3f000000;
}

/** float32 to the bits of the nearest bfloat16, ties to even. */
export function f32ToBf16(values: Float32Array): Uint16Array {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const bits = source[i]!;
    const nan = (bits & 0x7fffffff) > 0x7f800000;
    out[i] = nan ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return out;
}
