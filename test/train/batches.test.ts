import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { collate, groupedByLength } from "../../src/train/batches.ts";

const golden = JSON.parse(readFileSync(new URL("../golden/mini_monkey_labels/cases.json", import.meta.url), "utf8"));

test("samples are padded as the authors' collator pads them", () => {
  const samples = golden.cases.slice(0, golden.collated.input_ids.length);
  const { ids, labels, mask } = collate(
    samples.map(({ input_ids, labels }: { input_ids: number[]; labels: number[] }) => ({ ids: input_ids, labels })),
  );
  expect(ids).toEqual(golden.collated.input_ids);
  expect(labels).toEqual(golden.collated.labels);
  expect(mask).toEqual(golden.collated.attention_mask.map((row: unknown[]) => row.map(Number)));
});

test("a given length is kept by shorter samples and exceeded by longer ones", () => {
  const sample = { ids: [1, 5], labels: [-100, 5] };
  expect(collate([sample], 4)).toEqual({ ids: [[1, 5, 0, 0]], labels: [[-100, 5, -100, -100]], mask: [[1, 1, 0, 0]] });
  expect(collate([sample], 1).ids).toEqual([[1, 5]]);
});

test("samples are dealt by length as the authors' sampler deals them", () => {
  const { lengths, permutation, batch_size, world_size_times_grad_acc, result } = golden.length_grouped;
  expect(groupedByLength(permutation, lengths, batch_size, world_size_times_grad_acc)).toEqual(result);
});

test("every sample is dealt exactly once, whatever the sizes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(900), { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 5 }),
      (lengths, batch, chunks) => {
        const order = groupedByLength([...lengths.keys()].reverse(), lengths, batch, chunks);
        expect([...order].sort((a, b) => a - b)).toEqual([...lengths.keys()]);
      },
    ),
  );
});
