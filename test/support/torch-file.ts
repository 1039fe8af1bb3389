/** Files in the form of torch.save (torch/serialization.py): what published pieces are made of. */
import { writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { f32ToF16 } from "../../src/weights/half.ts";

/** A tensor; its numbers are stored as F32, or as F16 where it says so. */
export interface TorchTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly half?: boolean;
}

/** Writes { model: tensors by name, epoch: 3 }, or the tensors alone, as a zip archive. */
export function writeTorch(path: string, tensors: ReadonlyMap<string, TorchTensor>, nested: boolean): void {
  const list = [...tensors];
  const state = dict(list.map(([key, tensor], i) => [key, pickledTensor(tensor, String(i))]));
  const root = nested
    ? dict([
        ["epoch", Buffer.from([0x4b, 3])],
        ["model", state],
      ])
    : state;
  const storages = list.map(([, { data, half }], i): [string, Buffer] => {
    const { buffer, byteOffset, byteLength } = half ? f32ToF16(data) : data;
    return [`archive/data/${i}`, Buffer.from(buffer, byteOffset, byteLength)];
  });
  writeFileSync(
    path,
    zip([["archive/data.pkl", Buffer.concat([Buffer.from([0x80, 2]), root, text(".")])], ...storages]),
  );
}

const text = (characters: string): Buffer => Buffer.from(characters, "latin1");
const word = (value: string): Buffer => Buffer.concat([text("X"), u32(Buffer.byteLength(value)), Buffer.from(value)]);
const int = (value: number): Buffer => Buffer.concat([text("J"), u32(value)]);
const tuple = (items: readonly Buffer[]): Buffer => Buffer.concat([text("("), ...items, text("t")]);
const dict = (items: readonly (readonly [string, Buffer])[]): Buffer =>
  Buffer.concat([text("}("), ...items.flatMap(([key, value]) => [word(key), value]), text("u")]);

/** A call of torch's function that makes a tensor of a storage, its strides row by row. */
function pickledTensor({ shape, data, half }: TorchTensor, key: string): Buffer {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const type = text(`ctorch\n${half ? "Half" : "Float"}Storage\n`);
  const storage = [tuple([word("storage"), type, word(key), word("cpu"), int(data.length)]), text("Q")];
  const hooks = text("ccollections\nOrderedDict\n)R");
  const args = [Buffer.concat(storage), int(0), tuple(shape.map(int)), tuple(strides.map(int)), text("\x89"), hooks];
  return Buffer.concat([text("ctorch._utils\n_rebuild_tensor_v2\n"), tuple(args), text("R")]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** An archive of files that are stored as they are. */
function zip(files: readonly (readonly [name: string, content: Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of files) {
    const sizes = [crc32(content), content.length, content.length];
    // Version 2.0, no flags, stored, 1 January 1980.
    const common = header(26, [20, 0, 0, 0, 0x21], sizes, [Buffer.byteLength(name), 0]);
    parts.push(text("PK\x03\x04"), common, Buffer.from(name), content);
    // No comment, the first disk, no attributes.
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(text("PK\x01\x02"), Buffer.from([20, 0]), common, rest, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + content.length;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, ...directory, text("PK\x05\x06"), end]);
}

function header(length: number, shorts: readonly number[], longs: readonly number[], last: readonly number[]): Buffer {
  const bytes = Buffer.alloc(length);
  let at = 0;
  for (const value of shorts) at = bytes.writeUInt16LE(value, at);
  for (const value of longs) at = bytes.writeUInt32LE(value, at);
  for (const value of last) at = bytes.writeUInt16LE(value, at);
  return bytes;
}
