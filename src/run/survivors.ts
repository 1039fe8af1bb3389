/** A prompt after compression: the visual tokens that are left, at positions without gaps. */
import type { VisualPromptIds } from "./language.ts";

/** The prompt with only the visual tokens of these indices; text stays. `placeholder` is the id of `<IMG_CONTEXT>`. */
export function survivors(
  { ids, features, sources }: VisualPromptIds,
  placeholder: number,
  kept: Int32Array,
): VisualPromptIds {
  const stays = new Set(kept);
  let index = 0;
  const left = ids.filter((id) => id !== placeholder || stays.has(index++));
  const d = index ? features.length / index : 0;
  const rows = new Float32Array(kept.length * d);
  kept.forEach((from, to) => {
    rows.set(features.subarray(from * d, (from + 1) * d), to * d);
  });
  return { ids: left, features: rows, sources: sources && Array.from(kept, (from) => sources[from]) };
}
