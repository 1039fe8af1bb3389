/** Stored bytes as typed arrays and back; little-endian, as is every machine that runs this. */
import { WeightError } from "../errors.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./half.ts";
import { type Dtype, dtypeBytes } from "./header.ts";

/** Numbers of a tensor in memory. */
export type Values =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

const arrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies Record<Dtype, unknown>;

/** The bytes seen as numbers of `dtype`; copied only when they do not lie at a multiple of its size. F16 and BF16 stay bits. */
function view(dtype: Dtype, bytes: Uint8Array): Values {
  const aligned = bytes.byteOffset % dtypeBytes[dtype] === 0 ? bytes : bytes.slice();
  return new arrays[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / dtypeBytes[dtype]);
}

/** Stored bytes to numbers: F16 and BF16 widen to Float32Array, BOOL is 0 or 1 in a Uint8Array, the rest keep their type. */
export function decodeValues(dtype: Dtype, bytes: Uint8Array): Values {
  const values = view(dtype, bytes);
  if (dtype === "F16") return f16ToF32(values as Uint16Array);
  if (dtype === "BF16") return bf16ToF32(values as Uint16Array);
  return values;
}

/** Numbers to stored bytes: a Float32Array rounds to F16 or BF16 (to nearest, ties to even); else the array must be the
 *  one of the type, where F16 and BF16 also take their bits as Uint16Array. Throws WeightError naming `key`. */
export function encodeValues(dtype: Dtype, values: Values, key: string): Uint8Array {
  const raw = stored(dtype, values);
  if (!(raw instanceof arrays[dtype]))
    throw new WeightError(`"${key}" is a ${raw.constructor.name}, which is not stored as ${dtype}`);
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
}

function stored(dtype: Dtype, values: Values): Values {
  if (!(values instanceof Float32Array)) return values;
  return dtype === "F16" ? f32ToF16(values) : dtype === "BF16" ? f32ToBf16(values) : values;
}

/** Position of the first NaN or infinity among stored numbers, -1 when there is none. Reads the exponent bits, widens
 *  nothing. bytes: numbers of `dtype`; whole numbers are always finite. */
export function firstNonFinite(dtype: Dtype, bytes: Uint8Array): number {
  if (dtype === "F32") return firstExponent(view("U32", bytes) as Uint32Array, 0x7f800000);
  if (dtype === "F16") return firstExponent(view("U16", bytes) as Uint16Array, 0x7c00);
  if (dtype === "BF16") return firstExponent(view("U16", bytes) as Uint16Array, 0x7f80);
  if (dtype === "F64") return (view("F64", bytes) as Float64Array).findIndex((value) => !Number.isFinite(value));
  return -1;
}

function firstExponent(bits: Uint32Array | Uint16Array, mask: number): number {
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & mask) === mask) return i;
  return -1;
}
