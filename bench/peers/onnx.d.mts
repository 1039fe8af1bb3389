/** What the tests use of onnx.mjs. */
export function writeOnnx(
  path: string,
  shape: { layers: number; width: number; heads: number; keyHeads: number; inner: number; vocabulary: number },
  form: "q8" | "fp32",
): readonly { name: string; shape: readonly [number, number]; offset: number }[];
