/** Python's pickle format read as data: few opcodes, callables only by the names the reader allows, and none of them is Python's. */
import { FormatError } from "../errors.ts";

/** Bytes that end before the pickle does. */
export class CutShort extends FormatError {}

/** What a pickle may refer to. Both throw FormatError for what they do not know. */
export interface Pickles {
  /** What stands for the Python object `module.name`; a function of the arguments where it may be called. */
  global(name: string): unknown;
  /** The object behind a persistent id. */
  persistent(id: unknown): unknown;
}

/** A value and the position behind its pickle. */
export interface Unpickled {
  readonly value: unknown;
  readonly end: number;
}

/** Objects under construction: lists and tuples are arrays, dictionaries are maps, whole numbers beyond 2⁵³ bigints. */
interface Machine {
  readonly stack: unknown[];
  /** Heights of the stack where marks were set. */
  readonly marks: number[];
  readonly memo: Map<number, unknown>;
  readonly pickles: Pickles;
  readonly input: Input;
}

/** Reads one pickle that begins at `start`. Throws FormatError where the bytes end early, or do anything but hold data. */
export function unpickle(bytes: Uint8Array, start: number, pickles: Pickles, name: string): Unpickled {
  const input = new Input(bytes, start, name);
  const machine: Machine = { stack: [], marks: [], memo: new Map(), pickles, input };
  for (;;) {
    const at = input.at;
    const code = String.fromCharCode(input.byte());
    if (code === ".") return { value: pop(machine), end: input.at };
    const step = Object.hasOwn(steps, code) ? steps[code] : undefined;
    if (!step)
      throw new FormatError(
        `${name}: pickle opcode 0x${code.charCodeAt(0).toString(16).padStart(2, "0")} at byte ${at} does more than hold data; expected a file that torch.save wrote`,
      );
    step(machine);
  }
}

/** Little-endian numbers and strings from bytes, never beyond their end. */
class Input {
  readonly name: string;
  at: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  constructor(bytes: Uint8Array, at: number, name: string) {
    this.name = name;
    this.at = at;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  /** Where the next `length` bytes begin. */
  private take(length: number): number {
    const from = this.at;
    if (length > this.bytes.length - from)
      throw new CutShort(`${this.name}: the pickle is cut short at byte ${from}; download the file again`);
    this.at += length;
    return from;
  }
  byte(): number {
    return this.bytes[this.take(1)];
  }
  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }
  i32(): number {
    return this.view.getInt32(this.take(4), true);
  }
  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }
  f64(): number {
    return this.view.getFloat64(this.take(8), false);
  }
  text(length: number): string {
    const from = this.take(length);
    return new TextDecoder().decode(this.bytes.subarray(from, from + length));
  }
  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    const text = this.text((end < 0 ? this.bytes.length : end) - this.at);
    this.take(1);
    return text;
  }
  /** A whole number in two's complement, little-endian. */
  long(length: number): number | bigint {
    const from = this.take(length);
    const digits = this.bytes.subarray(from, from + length).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    const value = BigInt.asIntN(8 * length, digits);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
}

function broken({ input }: Machine, what: string): never {
  throw new FormatError(`${input.name}: the pickle ${what} before byte ${input.at}; the file is damaged`);
}

function pop(machine: Machine): unknown {
  if (machine.stack.length <= (machine.marks.at(-1) ?? 0)) broken(machine, "takes from an empty stack");
  return machine.stack.pop();
}

function top(machine: Machine): unknown {
  if (machine.stack.length === 0) broken(machine, "looks at an empty stack");
  return machine.stack.at(-1);
}

/** All that was put on the stack since the last mark. */
function sinceMark(machine: Machine): unknown[] {
  const mark = machine.marks.pop();
  return mark === undefined ? broken(machine, "lacks a mark") : machine.stack.splice(mark);
}

const put =
  (value: (input: Input) => unknown) =>
  ({ stack, input }: Machine): void => {
    stack.push(value(input));
  };

const tuple =
  (length: number) =>
  (machine: Machine): void => {
    const items = Array.from({ length }, () => pop(machine)).reverse();
    machine.stack.push(items);
  };

const remember =
  (key: (input: Input) => number) =>
  (machine: Machine): void => {
    machine.memo.set(key(machine.input), top(machine));
  };

const recall =
  (key: (input: Input) => number) =>
  (machine: Machine): void => {
    const at = key(machine.input);
    machine.stack.push(
      machine.memo.has(at) ? machine.memo.get(at) : broken(machine, `recalls object ${at}, never stored`),
    );
  };

function append(machine: Machine, items: readonly unknown[]): void {
  const list = top(machine);
  if (!Array.isArray(list)) broken(machine, "appends to what is no list");
  // A list of a million items is too long for the arguments of one push.
  for (const item of items) list.push(item);
}

function set(machine: Machine, items: readonly unknown[]): void {
  const map = top(machine);
  if (!(map instanceof Map)) broken(machine, "sets items of what is no dictionary");
  for (let i = 0; i + 1 < items.length; i += 2) map.set(items[i], items[i + 1]);
}

function global({ stack, pickles }: Machine, module: unknown, name: unknown): void {
  stack.push(pickles.global(`${module}.${name}`));
}

/** By the opcode's character, as Python's pickletools names them. */
const steps: Readonly<Record<string, (machine: Machine) => void>> = {
  "\x80": ({ input }) => input.byte(), // PROTO
  "\x95": ({ input }) => input.text(8), // FRAME: its length
  "(": ({ marks, stack }) => marks.push(stack.length), // MARK
  N: put(() => null),
  "\x88": put(() => true), // NEWTRUE
  "\x89": put(() => false), // NEWFALSE
  K: put((input) => input.byte()), // BININT1
  M: put((input) => input.u16()), // BININT2
  J: put((input) => input.i32()), // BININT
  "\x8a": put((input) => input.long(input.byte())), // LONG1
  G: put((input) => input.f64()), // BINFLOAT
  X: put((input) => input.text(input.u32())), // BINUNICODE
  "\x8c": put((input) => input.text(input.byte())), // SHORT_BINUNICODE
  U: put((input) => input.text(input.byte())), // SHORT_BINSTRING, of Python 2
  "]": put(() => []), // EMPTY_LIST
  ")": put(() => []), // EMPTY_TUPLE
  "}": put(() => new Map()), // EMPTY_DICT
  t: (machine) => machine.stack.push(sinceMark(machine)), // TUPLE
  "\x85": tuple(1),
  "\x86": tuple(2),
  "\x87": tuple(3),
  a: (machine) => append(machine, [pop(machine)]), // APPEND
  e: (machine) => append(machine, sinceMark(machine)), // APPENDS
  s: (machine) => set(machine, [pop(machine), pop(machine)].reverse()), // SETITEM
  u: (machine) => set(machine, sinceMark(machine)), // SETITEMS
  q: remember((input) => input.byte()), // BINPUT
  r: remember((input) => input.u32()), // LONG_BINPUT
  "\x94": (machine) => machine.memo.set(machine.memo.size, top(machine)), // MEMOIZE
  h: recall((input) => input.byte()), // BINGET
  j: recall((input) => input.u32()), // LONG_BINGET
  c: (machine) => global(machine, machine.input.line(), machine.input.line()), // GLOBAL
  "\x93": (machine) => {
    const [name, module] = [pop(machine), pop(machine)];
    global(machine, module, name);
  }, // STACK_GLOBAL
  R: (machine) => {
    const [args, callee] = [pop(machine), pop(machine)];
    if (typeof callee !== "function" || !Array.isArray(args)) broken(machine, "calls what cannot be called");
    machine.stack.push(callee(args));
  }, // REDUCE
  b: (machine) => {
    // A state dictionary carries its version numbers as an attribute, which no reader needs.
    pop(machine);
    if (!(top(machine) instanceof Map)) broken(machine, "gives attributes to what is no dictionary");
  }, // BUILD
  Q: (machine) => machine.stack.push(machine.pickles.persistent(pop(machine))), // BINPERSID
};
