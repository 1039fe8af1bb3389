/** Holding our outputs against those of the authors' own code. */
import type { Engine } from "../graph/engine.ts";
import { sameShape } from "../graph/shape.ts";
import { ortNode } from "../run/ort-node.ts";
import { kinds } from "./kinds.ts";
import { namesIn, type Told } from "./names.ts";
import { kindNamed, openReference } from "./reference.ts";

/** How far an output is from its reference. The names are those of the JSON document. */
interface Comparison {
  /** max |a − b|; null where the output is missing, has another shape or is not a number. */
  max_abs_error: number | null;
  /** max |b| of the reference. */
  max_abs_value: number;
  identical: boolean;
}

export interface Verification {
  /** Whether every output is there and within tolerance, those of whole numbers identical. */
  ok: boolean;
  outputs: Record<string, Comparison>;
  /** The names of the outputs that are not. */
  failed: string[];
}

export interface VerifyOptions {
  /** Largest error, as a part of the largest magnitude of the output. Default 1e-4. */
  tolerance?: number;
  /** Default: ONNX Runtime on one thread. */
  engine?: Engine;
}

/** Below this an output counts as zero, and errors are compared with it. */
const tiny = 1e-6;

/** Runs a reference folder and compares every output it holds; of a folder that holds names alone, as keys.json, the shapes of our weights. Throws
 *  RequestError for a missing file or an unknown kind, FormatError for a damaged file, WeightError where the weights are not those of the model. */
export async function verify(folder: string, options: VerifyOptions = {}): Promise<Verification> {
  const { tolerance = 1e-4, engine = ortNode({ folder, threads: 1 }) } = options;
  const names = namesIn(folder);
  if (names) return verifyNames(names);
  const reference = openReference(folder, engine);
  try {
    const found = await kindNamed(kinds, reference.kind, folder)(reference);
    const outputs: Record<string, Comparison> = {};
    const failed: string[] = [];
    for (const [name, shape] of reference.wanted) {
      const compared = compare(found[name], shape, reference.output(name));
      outputs[name] = compared;
      if (!(reference.whole(name) ? compared.identical : within(compared, tolerance))) failed.push(name);
    }
    return { ok: failed.length === 0, outputs, failed };
  } finally {
    reference.close();
  }
}

function verifyNames(names: Readonly<Record<string, Told>>): Verification {
  const rows = Object.entries(names).map(([name, { found, expected }]) => {
    const values = found && { shape: [found.length], data: found };
    return [name, compare(values, [expected.length], expected)] as const;
  });
  const failed = rows.flatMap(([name, { identical }]) => (identical ? [] : [name]));
  return { ok: failed.length === 0, outputs: Object.fromEntries(rows), failed };
}

/** max |a − b| ≤ tolerance · max |b|. */
function within({ max_abs_error, max_abs_value }: Comparison, tolerance: number): boolean {
  return max_abs_error !== null && max_abs_error <= tolerance * Math.max(max_abs_value, tiny);
}

function compare(
  found: { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> } | undefined,
  shape: readonly number[],
  expected: ArrayLike<number | bigint>,
): Comparison {
  const comparable = found && sameShape(found.shape, shape);
  let [error, value, identical] = [comparable ? 0 : Number.NaN, 0, Boolean(comparable)];
  for (let i = 0; i < expected.length; i++) {
    const b = Number(expected[i]);
    value = Math.max(value, Math.abs(b));
    if (!comparable) continue;
    const a = Number(found.data[i]);
    if (Object.is(a, b)) continue;
    // Math.max passes NaN on: one element that is none spoils the output.
    error = Math.max(error, Math.abs(a - b));
    identical &&= a === b;
  }
  return { max_abs_error: Number.isFinite(error) ? error : null, max_abs_value: value, identical };
}
