/** The model on which `galago bench --peers` measures transformers.js. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, expect, test } from "vitest";
import { writeOnnx } from "../../bench/peers/onnx.mjs";
import type { Value } from "../../src/graph/op.ts";
import { decoded, embedded } from "../support/plain-decoder.ts";
import { gap } from "../support/values.ts";

const folder = mkdtempSync(join(tmpdir(), "galago-peers-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const shape = { layers: 2, width: 16, heads: 4, keyHeads: 2, inner: 20, vocabulary: 13 };
const ids = [3, 1, 4, 1, 5, 9];
const size = shape.width / shape.heads;

type Cache = Record<string, Tensor>;
const empty: Cache = Object.fromEntries(
  [0, 1].flatMap((i) =>
    ["key", "value"].map((what) => [
      `past_key_values.${i}.${what}`,
      new Tensor("float32", new Float32Array(), [1, shape.keyHeads, 0, size]),
    ]),
  ),
);

/** Logits of the last of `ids` behind a cache of `past` tokens, or of all of them where `keep` is 0; and the cache after them. */
async function run(
  session: InferenceSession,
  ids: readonly number[],
  { past = 0, cache = empty, keep = 1 }: { past?: number; cache?: Cache; keep?: number } = {},
): Promise<{ logits: Float32Array; cache: Cache }> {
  const whole = (values: readonly number[], dims: number[]) =>
    new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
  const out = await session.run({
    input_ids: whole(ids, [1, ids.length]),
    attention_mask: whole(Array(past + ids.length).fill(1), [1, past + ids.length]),
    position_ids: whole(
      [...ids.keys()].map((i) => past + i),
      [1, ids.length],
    ),
    num_logits_to_keep: whole([keep], []),
    ...cache,
  });
  const kept = Object.entries(out).filter(([name]) => name.startsWith("present."));
  return {
    logits: out.logits.data as Float32Array,
    cache: Object.fromEntries(kept.map(([name, x]) => [name.replace("present", "past_key_values"), x as Tensor])),
  };
}

test("computes LLaMA as written out in loops, all tokens at once or the last behind a cache", async () => {
  const path = join(folder, "model.onnx");
  const stored = writeOnnx(path, shape, "fp32");
  const bytes = readFileSync(`${path}_data`);
  const ones = { shape: [shape.width], data: new Float64Array(shape.width).fill(1) };
  const norms = [0, 1].flatMap((i) =>
    ["input_layernorm", "post_attention_layernorm"].map((name) => `model.layers.${i}.${name}.weight`),
  );
  const weights: Record<string, Value> = Object.fromEntries([...norms, "model.norm.weight"].map((key) => [key, ones]));
  for (const {
    name,
    shape: [n, m],
    offset,
  } of stored) {
    const at = (i: number): number => bytes.readFloatLE(offset + 4 * i);
    const turned = Float64Array.from({ length: n * m }, (_, i) => at((i % n) * m + Math.floor(i / n)));
    const embedding = name === "model.embed_tokens.weight";
    weights[name] = embedding
      ? { shape: [n, m], data: Float64Array.from({ length: n * m }, (_, i) => at(i)) }
      : { shape: [m, n], data: turned };
  }
  const config = {
    hidden_size: shape.width,
    intermediate_size: shape.inner,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyHeads,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: false,
  };
  const expected = decoded(embedded(ids, config, weights), config, weights);
  const session = await InferenceSession.create(path);
  const { logits } = await run(session, ids, { keep: 0 });
  expect(gap(logits, expected.flat())).toBeLessThan(1e-5);
  const before = await run(session, ids.slice(0, 4));
  const { logits: last } = await run(session, ids.slice(4), { past: 4, cache: before.cache });
  expect(gap(last, expected.at(-1)!)).toBeLessThan(1e-5);
  await session.release();
});

test("its q8 form says nearly the same in bytes", async () => {
  const results: Float32Array[] = [];
  for (const [form, file] of [
    ["fp32", "model.onnx"],
    ["q8", "model_quantized.onnx"],
  ] as const) {
    writeOnnx(join(folder, file), shape, form);
    const session = await InferenceSession.create(join(folder, file));
    results.push((await run(session, ids)).logits);
    await session.release();
  }
  // Weights are rounded to 1.2% of their largest, activations of a token to 0.4% of theirs.
  expect(gap(results[1], results[0])).toBeLessThan(0.1);
});
