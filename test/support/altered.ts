/** Copies of reference folders in which something is not as it should be. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSafetensors, type StoredTensor, writeSafetensors } from "../../src/weights/safetensors.ts";

const root = mkdtempSync(join(tmpdir(), "galago-altered-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));

/** The folder of test/golden with that name. */
export const golden = (name: string): string => join(import.meta.dirname, "../golden", name);

/** A copy of test/golden/<name>, to be changed at will; it goes when the process ends. */
export function copied(name: string): string {
  const folder = mkdtempSync(join(root, `${name}-`));
  cpSync(golden(name), folder, { recursive: true });
  return folder;
}

/** Rewrites one file of tensors; `change` adds, replaces or deletes entries. */
export function altered(
  folder: string,
  part: "weights" | "inputs" | "outputs",
  change: (tensors: Map<string, StoredTensor>) => void,
): string {
  const path = join(folder, `${part}.safetensors`);
  const file = openSafetensors(path);
  const tensors = new Map<string, StoredTensor>();
  for (const [key, { dtype, shape }] of file.entries) tensors.set(key, { dtype, shape, data: file.read(key) });
  file.close();
  change(tensors);
  writeSafetensors(path, tensors);
  return folder;
}

/** A change of one number of one tensor. */
export function number(key: string, index: number, f: (x: number) => number): (t: Map<string, StoredTensor>) => void {
  return (tensors) => {
    const { data } = tensors.get(key)!;
    const numbers = data as Float32Array | BigInt64Array;
    const changed = f(Number(numbers[index]));
    numbers[index] = numbers instanceof BigInt64Array ? BigInt(changed) : changed;
  };
}
