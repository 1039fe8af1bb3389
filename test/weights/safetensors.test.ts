import * as fs from "node:fs";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FormatError, RequestError, WeightError } from "../../src/errors.ts";
import {
  openSafetensors,
  type StoredTensor,
  streamSafetensors,
  writeSafetensors,
} from "../../src/weights/safetensors.ts";
import type { Values } from "../../src/weights/values.ts";

vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>();
  return { ...real, writeSync: vi.fn(real.writeSync) };
});

const dir = mkdtempSync(join(tmpdir(), "galago-safetensors-"));
const path = join(dir, "model.safetensors");
afterAll(() => rmSync(dir, { recursive: true }));
beforeEach(() => {
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true });
});
afterEach(() => vi.mocked(fs.writeSync).mockReset());

const golden = (name: string) => join(import.meta.dirname, "../golden", name);

test("whole numbers of a file that the safetensors library wrote are read", () => {
  const file = openSafetensors(golden("internlm2/inputs.safetensors"));
  expect([...file.entries.keys()].sort()).toEqual(["input_ids", "padded_attention_mask", "padded_input_ids"]);
  expect(file.entries.get("padded_input_ids")).toMatchObject({ dtype: "I64", shape: [2, 12] });
  const row = [2, 2, 2, 2, 2, 9, 164, 11, 59, 118, 50, 185];
  expect(file.read("padded_input_ids").slice(12)).toEqual(BigInt64Array.from(row.map(BigInt)));
  file.close();
});

test("floats of a file that the safetensors library wrote are read: their largest are the tokens beside them", () => {
  const file = openSafetensors(golden("internlm2_ntk/outputs.safetensors"));
  const logits = file.read("from30_step_logits") as Float32Array;
  const tokens = file.read("from30_greedy_tokens") as BigInt64Array;
  const [, steps, vocabulary] = file.entries.get("from30_step_logits")!.shape;
  const largest = Array.from({ length: steps! }, (_, i) => {
    const row = [...logits.subarray(i * vocabulary!, (i + 1) * vocabulary!)];
    return BigInt(row.indexOf(Math.max(...row)));
  });
  expect(largest).toEqual([...tokens]);
  file.close();
});

const bytes = (make: new (b: ArrayBuffer) => Values, size: number) =>
  fc.uint8Array({ maxLength: 40 }).map((raw) => new make(raw.slice(0, raw.length - (raw.length % size)).buffer));

test("what is written is read back bit for bit, in any mixture of types", () => {
  const tensor: fc.Arbitrary<StoredTensor> = fc
    .oneof(
      fc.tuple(
        fc.constant("F32" as const),
        bytes(Int32Array, 4).map((v) => new Float32Array(v.buffer as ArrayBuffer)),
      ),
      fc.tuple(fc.constant("F64" as const), fc.float64Array({ maxLength: 5 })),
      fc.tuple(fc.constant("I64" as const), bytes(BigInt64Array, 8)),
      fc.tuple(fc.constant("I32" as const), bytes(Int32Array, 4)),
      fc.tuple(fc.constant("I8" as const), bytes(Int8Array, 1)),
      fc.tuple(fc.constant("U8" as const), bytes(Uint8Array, 1)),
      fc.tuple(fc.constant("BOOL" as const), bytes(Uint8Array, 1)),
    )
    .map(([dtype, data]) => ({ dtype, data, shape: [data.length] }));
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.string(), tensor), { selector: ([key]) => key, maxLength: 6 }),
      (tensors) => {
        fc.pre(tensors.every(([key]) => key !== "__metadata__"));
        writeSafetensors(path, tensors);
        const first = readFileSync(path);
        const file = openSafetensors(path);
        expect([...file.entries.keys()].sort()).toEqual(tensors.map(([key]) => key).sort());
        for (const [key, { data }] of tensors) {
          const { buffer, byteOffset, byteLength } = file.read(key);
          const given = data as Values;
          expect(new Uint8Array(buffer, byteOffset, byteLength)).toEqual(
            new Uint8Array(given.buffer, given.byteOffset, given.byteLength),
          );
        }
        file.close();
        writeSafetensors(path, tensors);
        expect(readFileSync(path).equals(first)).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

test("float32 stored as F16 or BF16 comes back rounded, and takes half the room", () => {
  const data = Float32Array.of(1, 1 / 3, -0.1, 70000);
  writeSafetensors(path, [
    ["half", { dtype: "F16", shape: [4], data }],
    ["brain", { dtype: "BF16", shape: [2, 2], data }],
    ["bits", { dtype: "F16", shape: [1], data: Uint16Array.of(0x3c00) }],
  ]);
  const file = openSafetensors(path);
  expect([...file.read("half")]).toEqual([1, 0.333251953125, -0.0999755859375, Number.POSITIVE_INFINITY]);
  expect([...file.read("brain")]).toEqual([1, 0.333984375, -0.10009765625, 70144]);
  expect([...file.read("bits")]).toEqual([1]);
  expect(file.entries.get("brain")!.length).toBe(8);
  expect(file.entries.get("half")!.offset % 8).toBe(0);
  file.close();
});

test("tensors that come in pieces, at once or later, make the file of those that are at hand", async () => {
  const data = Float32Array.of(1, 1 / 3, -0.1, 70000, 5);
  const halves = [data.subarray(0, 1), data.subarray(1)];
  async function* later() {
    for (const half of halves) yield await Promise.resolve(half);
  }
  writeSafetensors(
    path,
    ["a", "b"].map((key) => [key, { dtype: "BF16", shape: [5], data }] as const),
  );
  const whole = readFileSync(path);
  await streamSafetensors(path, [
    ["a", { dtype: "BF16", shape: [5], pieces: () => halves }],
    ["b", { dtype: "BF16", shape: [5], pieces: later }],
  ]);
  expect(readFileSync(path).equals(whole)).toBe(true);
});

describe("a file that cannot be opened", () => {
  test("is named when it does not exist, with status 404", () => {
    expect(() => openSafetensors(join(dir, "none.safetensors"))).toThrow(
      expect.objectContaining({
        name: "RequestError",
        status: 404,
        message: expect.stringMatching(/none.*no such file/),
      }),
    );
  });

  test("is refused when it is a folder", () => {
    expect(() => openSafetensors(dir)).toThrow(FormatError);
  });

  test("is refused at every length it can be cut to", () => {
    writeSafetensors(path, [["w", { dtype: "F32", shape: [3], data: new Float32Array(3) }]]);
    for (let size = readFileSync(path).length - 1; size >= 0; size--) {
      truncateSync(path, size);
      expect(() => openSafetensors(path)).toThrow(/model.safetensors: cut short.*download it again/);
    }
  });

  test("names the key that it lacks", () => {
    const file = openSafetensors(golden("internlm2/inputs.safetensors"));
    expect(() => file.read("nope")).toThrow(WeightError);
    expect(() => file.read("nope")).toThrow(/no weight "nope" in inputs.safetensors/);
    file.close();
  });

  test("is noticed when it shrinks while open", () => {
    writeSafetensors(path, [["w", { dtype: "F32", shape: [3], data: new Float32Array(3) }]]);
    const file = openSafetensors(path);
    truncateSync(path, 70);
    expect(() => file.read("w")).toThrow(/ends at byte 70 while being read/);
    file.close();
  });
});

describe("a failed write leaves what was there, and nothing beside it", () => {
  const w: StoredTensor = { dtype: "F32", shape: [2], data: new Float32Array(2) };

  const streamed = (pieces: () => Iterable<Values>) => () =>
    streamSafetensors(path, [["w", { dtype: "F32", shape: [2], pieces }]]);

  test.each<[string, () => void | Promise<void>, new (...args: never[]) => Error, RegExp]>([
    [
      "a shape that the data do not fill",
      () => writeSafetensors(path, [["w", { ...w, shape: [3] }]]),
      WeightError,
      /"w" has 2 numbers; shape \[3\] takes 3/,
    ],
    [
      "data of another type",
      () => writeSafetensors(path, [["w", { ...w, dtype: "I32" }]]),
      WeightError,
      /"w" is a Float32Array, which is not stored as I32/,
    ],
    [
      "a key given twice",
      () =>
        writeSafetensors(path, [
          ["w", w],
          ["w", w],
        ]),
      WeightError,
      /"w" cannot be stored/,
    ],
    [
      "the key of the metadata",
      () => writeSafetensors(path, [["__metadata__", w]]),
      WeightError,
      /"__metadata__" cannot/,
    ],
    [
      "pieces that throw",
      streamed(() => {
        throw new RangeError("no");
      }),
      RangeError,
      /no/,
    ],
    [
      "a stop between two pieces",
      streamed(function* () {
        yield new Float32Array(1);
        AbortSignal.abort().throwIfAborted();
      }),
      DOMException,
      /^This operation was aborted$/,
    ],
    [
      "pieces that are too few",
      streamed(() => [new Float32Array(1)]),
      WeightError,
      /"w" has 1 numbers; shape \[2\] takes 2/,
    ],
    [
      "pieces that are too many",
      streamed(() => [new Float32Array(1), new Float32Array(2)]),
      WeightError,
      /"w" has 3 numbers; shape \[2\] takes 2/,
    ],
    [
      "a folder that is not there",
      () => writeSafetensors(join(dir, "a/b.safetensors"), [["w", w]]),
      RequestError,
      /b.safetensors: not written: ENOENT/,
    ],
  ])("%s", async (_, write, type, message) => {
    writeFileSync(path, "before");
    const failure = await (async () => write())().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(type);
    expect((failure as Error).message).toMatch(message);
    expect(readFileSync(path, "utf8")).toBe("before");
    expect(readdirSync(dir)).toEqual(["model.safetensors"]);
  });

  test("a disk that fills up is one RequestError with status 507", () => {
    vi.mocked(fs.writeSync)
      .mockImplementationOnce(() => 5) // a short write is carried on with
      .mockImplementation(() => {
        throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      });
    expect(() => writeSafetensors(path, [["w", w]])).toThrow(
      expect.objectContaining({
        name: "RequestError",
        status: 507,
        message: expect.stringMatching(/model.safetensors: not written: the disk is full/),
      }),
    );
    expect(readdirSync(dir)).toEqual([]);
  });
});

test("writes that the system cuts short are carried on to the last byte", async () => {
  const real = await vi.importActual<typeof fs>("node:fs");
  const data = Float32Array.from({ length: 9 }, (_, i) => i);
  vi.mocked(fs.writeSync).mockImplementation(((file: number, from: Uint8Array, at: number, length: number) =>
    real.writeSync(file, from, at, Math.min(length, 7))) as typeof fs.writeSync);
  writeSafetensors(path, [["w", { dtype: "F32", shape: [9], data }]]);
  const file = openSafetensors(path);
  expect(file.read("w")).toEqual(data);
  file.close();
});
