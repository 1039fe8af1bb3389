/** Looking for the weight that spoils every result. */
import { WeightError } from "../errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { firstNonFinite } from "./values.ts";

/** Reads every weight, a tensor at a time. Throws WeightError that names the first one that holds NaN or infinity. */
export function checkFinite(checkpoint: Checkpoint): void {
  for (const key of checkpoint.stored()) {
    const file = checkpoint.file(key);
    const at = firstNonFinite(file.entries.get(key)!.dtype, file.bytes(key));
    if (at >= 0)
      throw new WeightError(
        `"${key}" holds NaN or infinity at ${at}; expected numbers: fetch or convert ${file.path} again`,
      );
  }
}
