// What every peer of `galago bench` shares: the shape that it is measured at, where its files lie, and how it is asked.
import { mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The shape of the language model that a config.json describes. */
export function shapeOf(config) {
  const { llm_config, text_config, ...own } = JSON.parse(readFileSync(config, "utf8"));
  const c = llm_config ?? text_config ?? own;
  return {
    layers: c.num_hidden_layers,
    width: c.hidden_size,
    heads: c.num_attention_heads,
    keyHeads: c.num_key_value_heads ?? c.num_attention_heads,
    inner: c.intermediate_size,
    vocabulary: Math.max(c.vocab_size, 320),
    longest: 4096,
  };
}

/** Where models of random weights lie from one run to the next. */
export const folder = join(tmpdir(), "galago-peers");
mkdirSync(folder, { recursive: true });

/** Answers lines {what, tokens} with {value}, what `measures[what](tokens)` says, until the lines end. */
export async function answer(measures) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { what, tokens } = JSON.parse(line);
    process.stdout.write(`${JSON.stringify({ value: await measures[what](tokens) })}\n`);
  }
}
