/** Files of torch.save, against fixtures that Python's own pickler wrote (torch/make.py). */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { FormatError, RequestError, WeightError } from "../../src/errors.ts";
import { openTorch } from "../../src/weights/torch.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`torch/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "torch-"));
afterAll(() => rmSync(folder, { recursive: true }));
const written = (bytes: Uint8Array): string => {
  const path = join(folder, "changed.pth");
  writeFileSync(path, bytes);
  return path;
};

/** Every tensor of the fixtures: type, shape, and its numbers row by row. */
const tensors: Record<string, [dtype: string, shape: number[], values: (number | bigint)[]]> = {
  weight: ["F32", [2, 3], [0.5, -1.25, 3, 1024, -0.0078125, 7]],
  tied: ["F32", [2, 3], [0.5, -1.25, 3, 1024, -0.0078125, 7]],
  transposed: ["F32", [3, 2], [0.5, 1024, -1.25, -0.0078125, 3, 7]],
  row: ["F32", [3], [1024, -0.0078125, 7]],
  expanded: ["F32", [2, 2], [7, 7, 7, 7]],
  scalar: ["F32", [], [3]],
  empty: ["F32", [0, 3], []],
  Double: ["F64", [2], [0.1, -1e300]],
  Half: ["F16", [2], [1.5, -65504]],
  BFloat16: ["BF16", [2], [1.5, -(2 ** 100)]],
  Long: ["I64", [2], [-(2n ** 62n), 5n]],
  Int: ["I32", [2], [-(2 ** 31), 7]],
  Short: ["I16", [2], [-32768, 1]],
  Char: ["I8", [2], [-128, 127]],
  Byte: ["U8", [2], [0, 255]],
  Bool: ["BOOL", [2], [1, 0]],
};

describe.each([
  ["a zip archive", "state.pth"],
  ["a checkpoint of protocol 4 with its optimiser", "checkpoint.pth"],
  ["the format before the zip", "legacy.bin"],
])("%s", (_, name) => {
  test("gives every tensor by name, views and shared storages row by row", async () => {
    const file = await openTorch(fixture(name));
    expect([...file.entries.keys()]).toEqual(Object.keys(tensors));
    for (const [key, [dtype, shape, values]] of Object.entries(tensors)) {
      expect(file.entries.get(key)).toMatchObject({ dtype, shape });
      const found = [...file.read(key)];
      expect(found).toHaveLength(values.length);
      values.forEach((value, i) => {
        if (typeof value === "bigint") expect(found[i]).toBe(value);
        else expect(Math.abs(Number(found[i]) - value)).toBeLessThanOrEqual(1e-7 * Math.abs(value));
      });
    }
    expect(() => file.read("bias")).toThrow(WeightError);
    file.close();
  });

  test("that ends early is refused, wherever it ends", async () => {
    const bytes = readFileSync(fixture(name));
    for (let length = 0; length < bytes.length; length += 17)
      await expect(openTorch(written(bytes.subarray(0, length)))).rejects.toThrow(FormatError);
  });

  test("with any byte changed is read or refused by name, and nothing else happens", async () => {
    const bytes = readFileSync(fixture(name));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, byte) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = byte;
        try {
          const file = await openTorch(written(changed));
          for (const key of file.entries.keys()) file.read(key);
          file.close();
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 400 },
    );
  });
});

test.each([
  ["calls.pth", /refers to posix\.system, which is no plain data; nothing of a file is ever run/],
  ["big-endian.pth", /is big-endian/],
  ["nothing.pth", /holds a dictionary of epoch; expected tensors by name, alone or under "model" or "state_dict"/],
  ["outside.pth", /"weight" reaches to number 10 of a storage of 6/],
  ["lost.pth", /"weight" lies in storage "0", which is not in the file/],
])("%s is refused with the reason", async (name, message) => {
  await expect(openTorch(fixture(name))).rejects.toThrow(FormatError);
  await expect(openTorch(fixture(name))).rejects.toThrow(message);
});

test("what is no file of torch.save, or not there, is said", async () => {
  await expect(openTorch(fixture("make.py"))).rejects.toThrow(/make\.py: is no file of torch\.save/);
  await expect(openTorch(join(folder, "none.pth"))).rejects.toThrow(RequestError);
});
