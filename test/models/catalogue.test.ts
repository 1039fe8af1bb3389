/** The catalogue against sums of the published shapes: a number that was copied wrong shows. */
import { describe, expect, test } from "vitest";
import { catalogue } from "../../src/models/catalogue.ts";

/** Numbers of a linear layer, of its weight alone or with a bias. */
const weight = (from: number, to: number): number => from * to;
const linear = (from: number, to: number): number => from * to + to;

/** A block of a vision transformer without its norms: attention and MLP. */
const block = (d: number, m: number): number => linear(d, 3 * d) + linear(d, d) + linear(d, m) + linear(m, d);
const internVit = 1024 + linear(3 * 196, 1024) + 1025 * 1024 + 24 * (block(1024, 4096) + 6 * 1024);
const clipL336 = 1024 + weight(3 * 196, 1024) + 577 * 1024 + 24 * (block(1024, 4096) + 4 * 1024) + 4 * 1024;
/** The published tower has no bias of keys; 257 positions are those of 224 pixels, which are spread where images are larger. */
const evaVit = 1408 + linear(3 * 196, 1408) + 257 * 1408 + 39 * (block(1408, 6144) - 1408 + 4 * 1408);

/** A decoder of LLaMA's kind: vocabulary v, width d, MLP m, queries q and keys k wide, `bias` of the three where they have one. */
const decoder = (v: number, d: number, m: number, layers: number, k: number, bias = 0): number =>
  2 * v * d + d + layers * (weight(d, 2 * d + 2 * k) + bias * (d + 2 * k) + 3 * weight(d, m) + 2 * d);
const vicuna = (v: number): number => decoder(v, 4096, 11_008, 32, 4096);
const phi2 = 51_200 * 2560 * 2 + 51_200 + 2 * 2560 + 32 * (block(2560, 10_240) + 2 * 2560);

/** Pixel shuffle's norm and the two linear layers. */
const connector = (d: number): number => 2 * 4096 + linear(4096, d) + linear(d, d);
const internVl = (d: number, language: number): number => internVit + connector(d) + language;

const attention = linear(768, 768) * 2 + 2 * 768;
const qformer =
  32 * 768 +
  2 * 768 +
  12 * (attention + 2 * linear(768, 768) + linear(768, 3072) + linear(3072, 768) + 2 * 768) +
  6 * (attention + 2 * linear(1408, 768));
const blip2 = evaVit + 2 * 1408 + qformer;

const counted: Record<string, number> = {
  "mini-monkey": internVl(2048, decoder(92_553, 2048, 8192, 24, 1024)),
  "internvl2-1b": internVl(896, decoder(151_655, 896, 4864, 24, 128, 1)),
  "internvl2-2b": internVl(2048, decoder(92_553, 2048, 8192, 24, 1024)),
  "internvl2-4b": internVl(3072, decoder(32_020, 3072, 8192, 32, 3072)),
  "internvl2-8b": internVl(4096, decoder(92_553, 4096, 14_336, 32, 1024)),
  "internvl2.5-1b": internVl(896, decoder(151_674, 896, 4864, 24, 128, 1)),
  "internvl2.5-2b": internVl(2048, decoder(92_553, 2048, 8192, 24, 1024)),
  "internvl3-1b": internVl(896, decoder(151_674, 896, 4864, 24, 128, 1)),
  "internvl3-2b": internVl(1536, decoder(151_674, 1536, 8960, 28, 256, 1)),
  "tinygpt-v": blip2 + linear(768, 4096) + linear(4096, 2560) + phi2 + 32 * (2560 + 4 * 80),
  "minigpt4-7b": blip2 + linear(768, 4096) + vicuna(32_001),
  "llava-1.5-7b": clipL336 + linear(1024, 4096) + linear(4096, 4096) + vicuna(32_064),
};

test("the sums are of the models in the catalogue, and the specification's", () => {
  expect(Object.keys(counted)).toEqual(catalogue.map(({ name }) => name));
  expect([counted["mini-monkey"], vicuna(32_000), phi2]).toEqual([2_205_754_368, 6_738_415_616, 2_779_683_840]);
});

describe.each(catalogue.map((model) => [model.name, model] as const))(
  "%s",
  (name, { parameters, download, origins, licence }) => {
    test("has as many parameters as its published shapes make", () => {
      expect(parameters).toBe(counted[name]);
    });

    test("is downloaded in about two bytes a parameter", () => {
      expect(Math.abs(download / (2 * parameters) - 1)).toBeLessThan(origins.length > 1 ? 0.12 : 0.01);
    });

    test("comes from places that are named as such, under a licence", () => {
      for (const origin of origins)
        if ("url" in origin)
          expect([origin.url.startsWith("https://"), origin.sum.hex]).toEqual([
            true,
            expect.stringMatching(/^[0-9a-f]{64}$/),
          ]);
        else expect(origin.repo).toMatch(/^(spaces\/)?[\w-]+\/[\w.-]+$/);
      expect(licence).not.toBe("");
      expect(name).toMatch(/^[a-z][a-z0-9.-]+$/);
    });
  },
);
