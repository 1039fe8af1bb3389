/** What the tests use of stories.mjs. */
import type { LlamaConfig } from "../src/models/llama.ts";
import type { StoredPrecision } from "../src/run/storing.ts";

export const hasStories: boolean;
export const texts: readonly string[];
export function stories(): {
  config: LlamaConfig;
  tensors: (readonly [key: string, tensor: { shape: number[]; data: Float32Array }])[];
};
export function openStories(
  precision: StoredPrecision,
  threads: number,
): Promise<{
  bytes: number;
  tell(beginning: string, tokens: number): Promise<{ ids: number[]; text: string }>;
  perplexity(texts: readonly string[]): Promise<number>;
  close(): Promise<void>;
}>;
