/** How much of a prompt was read before: as far as its keys and values are still those in the cache. */
import type { VisualPromptIds } from "./language.ts";

/** What stands at a place of a prompt: the id of a word, what a visual token shows, undefined where nobody said what it shows. */
export type Mark = number | string | undefined;

/** The marks of a prompt, one a token. `placeholder` is the id of `<IMG_CONTEXT>`. */
export function marksOf({ ids, sources = [], unseen }: VisualPromptIds, placeholder: number): Mark[] {
  const shown = sources.map((source, row) => (unseen?.has(row) ? `${source} unseen` : source));
  let row = 0;
  return ids.map((id) => (id === placeholder ? shown[row++] : id));
}

/** How many marks two prompts share from their first on; what shows nobody knows what is like nothing. */
export function shared(before: readonly Mark[], now: readonly Mark[]): number {
  const end = before.findIndex((mark, i) => mark === undefined || mark !== now[i]);
  return end === -1 ? before.length : end;
}
