/** PyTorch's .pth, .pt and .bin files, read as data: the zip format since 1.6 and the older sequence of pickles. */

import { closeSync, fstatSync } from "node:fs";
import { fromFdPromise, type Entry as ZipEntry } from "yauzl";
import { FormatError } from "../errors.ts";
import { total } from "../graph/value.ts";
import { openToRead, readRange } from "./bytes.ts";
import { type Dtype, dtypeBytes } from "./header.ts";
import { CutShort, type Pickles, unpickle } from "./pickle.ts";
import { type TensorFile, tensorFile } from "./tensor-file.ts";

/** Where a tensor's numbers lie: `offset` and `strides` count numbers within the storage. */
interface TorchEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly storage: string;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** The numbers that tensors are views of: so many, from byte `offset` of the file on. */
interface Storage {
  readonly dtype: Dtype;
  readonly key: string;
  readonly count: number;
  /** Where a view of an old file begins within it. */
  readonly from: number;
}

/** A tensor as the pickle describes it. */
class StoredTensor {
  readonly entry: TorchEntry;
  constructor(entry: TorchEntry) {
    this.entry = entry;
  }
}

const dtypes: Readonly<Record<string, Dtype>> = {
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  DoubleStorage: "F64",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

/** Opens a file that torch.save wrote: a state dictionary, or a dictionary that holds one as `model`, `state_dict` or `module`. Nothing in it is run.
 *  Throws RequestError (404) when there is no such file, FormatError when it is none, is damaged, or holds anything but data. */
export async function openTorch(path: string): Promise<TensorFile<TorchEntry>> {
  const file = openToRead(path);
  try {
    const { size } = fstatSync(file);
    const zip = size >= 4 && Buffer.from(readRange(file, 0, 4, path)).equals(Buffer.from("PK\x03\x04", "latin1"));
    const { root, places } = await (zip ? readZip(file, path) : readLegacy(file, size, path));
    const entries = new Map<string, TorchEntry>();
    for (const [key, tensor] of stateOf(root, path)) {
      checkPlace(key, tensor, places, size, path);
      entries.set(key, tensor.entry);
    }
    return tensorFile(path, file, entries, (entry, start, length) => {
      const at = places.get(entry.storage)!.offset;
      return numbers(entry, start, length, (from, count) => readRange(file, at + from, count, path));
    });
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Where the bytes of each storage lie in the file. */
type Places = ReadonlyMap<string, { offset: number; length: number }>;
interface Contents {
  root: unknown;
  places: Places;
}

/** The zip format: NAME/data.pkl, and each storage as NAME/data/KEY, uncompressed. */
async function readZip(file: number, name: string): Promise<Contents> {
  const damaged = (cause: unknown): FormatError =>
    new FormatError(`${name}: the zip archive is damaged: ${(cause as Error).message}; download it again`, { cause });
  const places = new Map<string, { offset: number; length: number }>();
  try {
    const zip = await fromFdPromise(file, { autoClose: false, lazyEntries: true });
    for await (const entry of zip.eachEntry()) places.set(inner(entry, name), await placeOf(zip, entry));
  } catch (cause) {
    throw cause instanceof FormatError ? cause : damaged(cause);
  }
  const text = (record: string): string | undefined => {
    const place = places.get(record);
    return place && new TextDecoder().decode(readRange(file, place.offset, place.length, name));
  };
  if (text("byteorder") === "big") throw new FormatError(`${name}: is big-endian; save it on a little-endian machine`);
  const pickle = places.get("data.pkl");
  if (!pickle) throw new FormatError(`${name}: a zip archive without data.pkl; expected one that torch.save wrote`);
  const { value } = unpickle(readRange(file, pickle.offset, pickle.length, name), 0, torchPickles(name), name);
  const storages = [...places].flatMap(([record, place]) =>
    record.startsWith("data/") ? [[record.slice("data/".length), place] as const] : [],
  );
  return { root: value, places: new Map(storages) };
}

/** The record's name below the folder that all records share. */
function inner({ fileName, compressionMethod }: ZipEntry, name: string): string {
  if (compressionMethod !== 0)
    throw new FormatError(`${name}: "${fileName}" is compressed; torch.save stores it plain: unpack and save it again`);
  return String(fileName).replace(/^[^/]*\//, "");
}

async function placeOf(
  zip: Awaited<ReturnType<typeof fromFdPromise>>,
  entry: ZipEntry,
): Promise<{ offset: number; length: number }> {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  return { offset: fileDataStart, length: entry.uncompressedSize };
}

/** What old files begin with, as a pickled number. */
const magic = 0x1950a86a20f9469cfc6cn;

/** Pickles one after another: the magic number, the version, the machine, the object, the keys of its storages; then each storage, its count of
 *  numbers as eight bytes in front. */
function readLegacy(file: number, size: number, name: string): Contents {
  // Tensors are the most of the file, and lie behind: the pickles are looked for in a window that grows.
  for (let window = Math.min(size, 2 ** 20); ; window = Math.min(size, window * 8)) {
    const storages = new Map<string, Storage>();
    const read = attempted(() => pickles(readRange(file, 0, window, name), name, storages), window < size);
    if (!read) continue;
    const [root, keys, end] = read;
    let at = end;
    const places = new Map<string, { offset: number; length: number }>();
    if (!Array.isArray(keys))
      throw new FormatError(`${name}: lists no storages behind its object; the file is damaged`);
    for (const key of keys) {
      const storage = storages.get(key);
      if (!storage) throw new FormatError(`${name}: lists storage "${key}", which no tensor uses; the file is damaged`);
      const count = Number(new DataView(readRange(file, at, 8, name).buffer).getBigInt64(0, true));
      const length = count * dtypeBytes[storage.dtype];
      if (!isCount(count) || at + 8 + length > size)
        throw new FormatError(
          `${name}: storage "${key}" has ${count} numbers, beyond the end of the file; download it again`,
        );
      places.set(key, { offset: at + 8, length });
      at += 8 + length;
    }
    return { root, places };
  }
}

/** What `read` gives; undefined where the pickle is cut short and there is more of the file. */
function attempted<T>(read: () => T, more: boolean): T | undefined {
  try {
    return read();
  } catch (error) {
    if (more && error instanceof CutShort) return undefined;
    throw error;
  }
}

function pickles(bytes: Uint8Array, name: string, storages: Map<string, Storage>): [unknown, unknown, number] {
  const rules = torchPickles(name, storages);
  let end = 0;
  const next = (): unknown => {
    const read = unpickle(bytes, end, rules, name);
    end = read.end;
    return read.value;
  };
  const first = bytes[0] === 0x80 ? next() : undefined;
  if (first !== magic) throw new FormatError(`${name}: is no file of torch.save; expected a .pth, .pt or .bin`);
  next();
  const machine = next();
  if (machine instanceof Map && machine.get("little_endian") === false)
    throw new FormatError(`${name}: is big-endian; save it on a little-endian machine`);
  return [next(), next(), end];
}

/** A type of storage, by the type of its numbers. */
class StorageType {
  readonly dtype: Dtype;
  constructor(dtype: Dtype) {
    this.dtype = dtype;
  }
}

/** The few names that a file of tensors refers to. `storages` collects those it names. */
function torchPickles(name: string, storages: Map<string, Storage> = new Map()): Pickles {
  const rebuild = ([storage, offset, shape, strides]: readonly unknown[]): StoredTensor =>
    tensor(storage, offset, shape, strides, name);
  const globals: Readonly<Record<string, unknown>> = {
    "collections.OrderedDict": ([pairs]: readonly unknown[]) => new Map(isPairs(pairs) ? pairs : []),
    "torch._utils._rebuild_tensor": rebuild,
    "torch._utils._rebuild_tensor_v2": rebuild,
    "torch._utils._rebuild_parameter": ([data]: readonly unknown[]) => data,
    ...Object.fromEntries(Object.entries(dtypes).map(([type, dtype]) => [`torch.${type}`, new StorageType(dtype)])),
  };
  return {
    global(path) {
      if (Object.hasOwn(globals, path)) return globals[path];
      throw new FormatError(
        `${name}: refers to ${path}, which is no plain data; nothing of a file is ever run: save the state_dict alone`,
      );
    },
    persistent(id) {
      const [word, type, key, , count, view] = Array.isArray(id) ? id : [];
      if (word !== "storage" || !(type instanceof StorageType) || typeof key !== "string" || !isCount(count))
        throw new FormatError(`${name}: has a persistent id that is no storage; expected one that torch.save wrote`);
      const storage = { dtype: type.dtype, key, count, from: Array.isArray(view) && isCount(view[1]) ? view[1] : 0 };
      storages.set(key, storage);
      return storage;
    },
  };
}

/** Python 2 wrote the items of an ordered dictionary as the argument of its constructor. */
const isPairs = (value: unknown): value is [unknown, unknown][] =>
  Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isShape = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);

function tensor(storage: unknown, offset: unknown, shape: unknown, strides: unknown, name: string): StoredTensor {
  const known = storage as Partial<Storage> | null;
  if (!known?.dtype || !isCount(offset) || !isShape(shape) || !isShape(strides) || shape.length !== strides.length)
    throw new FormatError(`${name}: holds a tensor without storage, shape or strides; the file is damaged`);
  const { dtype, key, from } = storage as Storage;
  return new StoredTensor({ dtype, shape, storage: key, offset: from + offset, strides });
}

/** The tensors of a state dictionary; what else stands in it is left out. */
function stateOf(root: unknown, name: string): [string, StoredTensor][] {
  const inside = ["model", "state_dict", "module"].map((key) => (root instanceof Map ? root.get(key) : undefined));
  for (const map of [root, ...inside]) {
    const tensors = map instanceof Map ? [...map].filter((pair) => pair[1] instanceof StoredTensor) : [];
    if (tensors.length) return tensors.map(([key, tensor]) => [String(key), tensor]);
  }
  const found = root instanceof Map ? `a dictionary of ${[...root.keys()].slice(0, 5).join(", ")}` : "no dictionary";
  throw new FormatError(`${name}: holds ${found}; expected tensors by name, alone or under "model" or "state_dict"`);
}

/** How many numbers a view reaches over, from its first on. */
const reach = ({ shape, strides }: TorchEntry): number =>
  shape.includes(0) ? 0 : 1 + shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis], 0);

/** Throws FormatError where the numbers of a tensor do not lie in its storage, or the storage not in the file. */
function checkPlace(key: string, { entry }: StoredTensor, places: Places, size: number, name: string): void {
  const place = places.get(entry.storage);
  if (!place) throw new FormatError(`${name}: "${key}" lies in storage "${entry.storage}", which is not in the file`);
  if (place.offset + place.length > size)
    throw new FormatError(
      `${name}: cut short: "${key}" ends at byte ${place.offset + place.length}, the file has ${size}; download it again`,
    );
  const held = place.length / dtypeBytes[entry.dtype];
  if (entry.offset + reach(entry) > held)
    throw new FormatError(
      `${name}: "${key}" reaches to number ${entry.offset + reach(entry)} of a storage of ${held}; the file is damaged`,
    );
}

/** The numbers of a view, row by row: from byte `start` on at most `length` bytes of them. `range`: so many bytes of the storage, from one on. */
function numbers(
  entry: TorchEntry,
  start: number,
  length: number,
  range: (from: number, count: number) => Uint8Array,
): Uint8Array {
  const { dtype, shape, offset, strides } = entry;
  const wide = dtypeBytes[dtype];
  const count = total(shape);
  const rowMajor = shape.map((_, axis) => total(shape.slice(axis + 1)));
  const bytes = Math.min(length, count * wide - start);
  if (count <= 1 || strides.every((stride, axis) => shape[axis] === 1 || stride === rowMajor[axis]))
    return range(offset * wide + start, bytes);
  const stored = range(offset * wide, reach(entry) * wide);
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes / wide; i++) {
    const at = start / wide + i;
    const from = shape.reduce((sum, n, axis) => sum + (Math.floor(at / rowMajor[axis]) % n) * strides[axis], 0) * wide;
    out.set(stored.subarray(from, from + wide), i * wide);
  }
  return out;
}
