/** A prompt after compression: what is left of its visual tokens. */
import type { VisualPromptIds } from "./language.ts";

/** The prompt with only the visual tokens of these indices, at positions without gaps; text stays. `placeholder` is the id of `<IMG_CONTEXT>`. */
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

/** The prompt whose `visual` tokens are seen by its deeper layers only where their indices are kept. */
export function seenPart(prompt: VisualPromptIds, visual: number, kept: Int32Array): VisualPromptIds {
  const stays = new Set(kept);
  return { ...prompt, unseen: new Set(Array.from({ length: visual }, (_, i) => i).filter((i) => !stays.has(i))) };
}
