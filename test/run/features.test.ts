/** What is remembered of images: as much as is allowed, for the model that saw them, in whole files. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type CacheOptions, featureCache } from "../../src/run/features.ts";
import { graphsOf } from "../../src/run/graphs.ts";
import { readModel } from "../../src/run/models.ts";
import { openCheckpoint } from "../../src/weights/checkpoint.ts";
import { tinyModel } from "../support/tiny-model.ts";

const root = mkdtempSync(join(tmpdir(), "galago-features-"));
afterAll(() => rmSync(root, { recursive: true }));
const [one, other] = [1, 2].map((seed) => tinyModel(join(root, `model ${seed}`), { seed }));
const cache = (options: CacheOptions, model = one, precision = "f32") => {
  const whole = readModel(model);
  return featureCache(options, graphsOf(openCheckpoint(model), whole, precision), whole, model);
};
/** So many bytes of features, of three tiles of which one is blank. */
const features = (bytes: number, value = 0.5) => ({
  features: new Float32Array(bytes / 4).fill(value),
  blank: Uint8Array.of(0, 1, 0),
});
const id = (i: number) => `image ${i}`;

describe("memory", () => {
  test("holds no more bytes than allowed, and lets go what was unused for longest", () => {
    const kept = cache({ memoryBytes: 1000 });
    for (const i of [1, 2]) kept.put(id(i), features(400, i));
    expect(kept.get(id(1))).toEqual(features(400, 1));
    kept.put(id(3), features(400, 3));
    expect([1, 2, 3].map((i) => kept.get(id(i))?.features[0])).toEqual([1, undefined, 3]);
    expect(kept.bytes).toBe(800);
  });

  test("keeps nothing larger than itself, and the same image once", () => {
    const kept = cache({ memoryBytes: 1000 });
    kept.put(id(1), features(400));
    kept.put(id(1), features(600));
    kept.put(id(2), features(1004));
    expect([kept.get(id(1))?.features.byteLength, kept.get(id(2)), kept.bytes]).toEqual([600, undefined, 600]);
  });

  test("is as much as 64 tiles take where nobody says", () => {
    const kept = cache({});
    // 4 tokens of 32 numbers a tile.
    for (let i = 0; i < 100; i++) kept.put(id(i), features(4 * 32 * 4));
    expect(kept.bytes).toBe(64 * 4 * 32 * 4);
  });

  test.each([{ memoryBytes: -1 }, { folderBytes: Number.NaN }])("%o is refused", (bounds) => {
    expect(() => cache(bounds)).toThrow(/^cache: (memory|folder)Bytes is .*; expected a number of bytes from 0$/);
  });
});

describe("a folder", () => {
  const folder = (name: string, folderBytes?: number) => ({ memoryBytes: 0, folder: join(root, name), folderBytes });

  test("gives a later process what an earlier one saw", () => {
    const where = folder("later");
    cache(where).put(id(1), features(400, 7));
    expect(cache(where).get(id(1))).toEqual(features(400, 7));
    expect(cache(where).get(id(2))).toBeUndefined();
  });

  test.each([
    ["other weights", other, "f32"],
    ["another precision", one, "int8"],
  ])("gives nothing to a model of %s", (_, model, precision) => {
    const where = folder("towers");
    cache(where).put(id(1), features(400));
    expect(cache(where, model, precision).get(id(1))).toBeUndefined();
    expect(cache(where).get(id(1))).toBeDefined();
  });

  test("gives nothing to a model whose weights were written anew", () => {
    const where = folder("anew");
    const path = join(other, "model.safetensors");
    cache(where, other).put(id(1), features(400));
    utimesSync(path, new Date(), new Date(Date.now() + 60_000));
    expect(cache(where, other).get(id(1))).toBeUndefined();
  });

  test.each([
    ["cut short", (bytes: Buffer) => bytes.subarray(0, -4)],
    ["with a changed number", (bytes: Buffer) => bytes.fill(1, bytes.length - 4)],
    ["of something else", () => Buffer.from("hello")],
  ])("a file %s is as good as none, and goes", (name, damage) => {
    const where = folder(name);
    cache(where).put(id(1), features(400));
    const [file] = readdirSync(where.folder).map((name) => join(where.folder, name));
    writeFileSync(file, damage(readFileSync(file)));
    expect(cache(where).get(id(1))).toBeUndefined();
    expect(readdirSync(where.folder)).toEqual([]);
  });

  test("takes no more bytes than allowed: the file unused for longest goes, one's own files stay", () => {
    const where = folder("bounded", 1500);
    const kept = cache(where);
    const names = () => readdirSync(where.folder).filter((name) => name !== "notes.txt");
    kept.put(id(1), features(400, 1));
    writeFileSync(join(where.folder, "notes.txt"), "x".repeat(5000));
    const [first] = names();
    kept.put(id(2), features(400, 2));
    // The second was used last long ago, the first is used now.
    const old = new Date(Date.now() - 60_000);
    for (const name of names()) utimesSync(join(where.folder, name), old, old);
    kept.get(id(1));
    kept.put(id(3), features(400, 3));
    expect([1, 2, 3].map((i) => kept.get(id(i))?.features[0])).toEqual([1, undefined, 3]);
    expect(names()).toContain(first);
    expect(names().reduce((sum, name) => sum + statSync(join(where.folder, name)).size, 0)).toBeLessThanOrEqual(1500);
    expect(readdirSync(where.folder)).toContain("notes.txt");
  });

  test("keeps nothing that a killed process left half-written", () => {
    const where = folder("killed");
    cache(where).put(id(1), features(400));
    const half = `${"0".repeat(64)}.safetensors.999999999-01234567-89ab-cdef-0123-456789abcdef.part`;
    writeFileSync(join(where.folder, half), "half");
    cache(where).put(id(2), features(400));
    expect(readdirSync(where.folder)).toHaveLength(2);
    expect(readdirSync(where.folder)).not.toContain(half);
  });
});
