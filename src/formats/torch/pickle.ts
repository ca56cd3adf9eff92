import { fail } from "../../check.js";

// Python's pickle is a small stack machine that may call anything importable. This one has no such power: it knows the
// opcodes that build plain data, and of everything importable only what it is given. The opcodes are those of
// https://github.com/python/cpython/blob/main/Lib/pickletools.py that protocols 2 to 5 write.

/** What a pickle may name: `module.name`, and what calling it gives. */
export type PickleGlobals = Readonly<Record<string, (...args: PickleValue[]) => PickleValue>>;

/** What a pickle builds; Python's tuples, lists and sets are arrays here, its dicts are maps. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Global
  | Unread
  | Opaque;

/** Something of the caller's own that a global or a persistent id stands for. */
export interface Opaque {
  readonly opaque: string;
}

/** Something that is known but not made: nothing is kept but what it is. */
export interface Unread {
  readonly unread: string;
}

interface Global {
  readonly global: string;
}

export interface PickleReader {
  /** Who complains in errors. */
  readonly where: string;
  readonly globals: PickleGlobals;
  /** What a persistent id stands for. */
  readonly persistent: (id: PickleValue) => PickleValue;
}

/** No call of a checkpoint has more. */
export const MAX_ARGUMENTS = 16;
/** What is expected where something else is named. */
export const IMPORTED = "plain data and tensors, nothing that Python would have to import and run";
/** A call may copy its arguments, and the memo gives the same ones to any number of calls for a few bytes each. */
const MAX_PARTS_PER_BYTE = 4;

const MARK: unique symbol = Symbol("mark");
type Cell = PickleValue | typeof MARK;

/** Reads one pickle that begins at byte `start`. Time and memory are bounded by its length. */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  reader: PickleReader,
): { readonly value: PickleValue; readonly end: number } {
  const machine = new Machine(bytes, start, reader);
  while (machine.step());
  return { value: machine.result(), end: machine.position };
}

/** Whether a value is a global that was named but not called, such as a storage's class in a persistent id. */
export function globalName(value: PickleValue): string | undefined {
  return isRecord(value) && "global" in value ? value.global : undefined;
}

/** A class, because a stack machine is a state that every opcode changes. */
class Machine {
  position: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #reader: PickleReader;
  readonly #memo = new Map<number, PickleValue>();
  #stack: Cell[] = [];
  #parts = 0;

  constructor(bytes: Uint8Array, start: number, reader: PickleReader) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#reader = reader;
    this.position = start;
  }

  /** Runs one opcode; false at the last. */
  step(): boolean {
    const at = this.position;
    const opcode = this.take(1)[0]!;
    if (opcode === STOP) return false;
    const value = VALUES[opcode];
    const act = ACTIONS.get(opcode);
    if (value !== undefined) this.#stack.push(value(this));
    else if (act !== undefined) act(this);
    else this.fail("a pickle of plain data and tensors", `opcode 0x${opcode.toString(16)} at byte ${at}`);
    return true;
  }

  result(): PickleValue {
    const value = this.pop();
    if (this.#stack.length > 0) this.fail("a pickle of one value", `${this.#stack.length + 1} values`);
    return value;
  }

  fail(expected: string, got: unknown): never {
    return fail(this.#reader.where, expected, got);
  }

  take(count: number): Uint8Array {
    const [at, left] = [this.position, this.#bytes.length - this.position];
    if (count > left) this.fail(`${count} more bytes of a pickle at byte ${at}`, `${left}: is it cut off?`);
    this.position += count;
    return this.#bytes.subarray(at, this.position);
  }

  unsigned(width: 1 | 2 | 4 | 8): number {
    const at = this.position;
    this.take(width);
    if (width === 1) return this.#view.getUint8(at);
    if (width === 2) return this.#view.getUint16(at, true);
    if (width === 4) return this.#view.getUint32(at, true);
    return Number(this.#view.getBigUint64(at, true));
  }

  double(): number {
    this.take(8);
    return this.#view.getFloat64(this.position - 8);
  }

  /** Little-endian two's complement of up to 255 bytes. */
  long(): number | bigint {
    const digits = this.take(this.unsigned(1));
    const value = digits.reduceRight((sum, digit) => sum * 256n + BigInt(digit), 0n);
    const signed = BigInt.asIntN(8 * digits.length, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  bytes(lengthWidth: 1 | 4): Uint8Array {
    return new Uint8Array(this.take(this.unsigned(lengthWidth))); // a Buffer's own slice would be no copy
  }

  text(lengthWidth: 1 | 4 | 8): string {
    return this.#decode(this.take(this.unsigned(lengthWidth)));
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end === -1) this.fail("a line's end in the pickle", "none: is it cut off?");
    const text = this.#decode(this.take(end - this.position));
    this.position++;
    return text;
  }

  #decode(bytes: Uint8Array): string {
    try {
      return decodeText(bytes);
    } catch {
      return this.fail(`text in UTF-8 before byte ${this.position}`, "other bytes");
    }
  }

  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value !== undefined && value !== MARK) return value;
    return this.fail(`a value on the pickle's stack before byte ${this.position}`, "none");
  }

  top(): PickleValue {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  /** All that was pushed since the last mark. */
  popToMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark === -1) this.fail(`a mark on the pickle's stack before byte ${this.position}`, "none");
    return this.#stack.splice(mark).slice(1) as PickleValue[];
  }

  remember(key = this.#memo.size): this {
    this.#memo.set(key, this.top());
    return this;
  }

  recall(key: number): PickleValue {
    return this.#memo.get(key) ?? this.fail(`the pickle to have remembered its value ${key}`, "nothing");
  }

  append(items: readonly PickleValue[]): this {
    const list = this.top();
    if (!Array.isArray(list)) this.fail(`a list before byte ${this.position}`, kindOf(list));
    for (const item of items) list.push(item);
    return this;
  }

  assign(members: readonly PickleValue[]): this {
    const dict = this.top();
    if (!(dict instanceof Map)) this.fail(`a dict before byte ${this.position}`, kindOf(dict));
    if (members.length % 2 !== 0) this.fail("a value for every key of a dict", "one too few");
    for (let i = 0; i < members.length; i += 2) dict.set(members[i]!, members[i + 1]!);
    return this;
  }

  /** Calls what the pickle named, if it is one of the few that are known. */
  call(): PickleValue {
    const args = this.pop();
    const callee = this.pop();
    const name = globalName(callee) ?? kindOf(callee);
    const known = Object.hasOwn(this.#reader.globals, name);
    if (!known) this.fail(IMPORTED, name);
    if (!Array.isArray(args)) this.fail(`a tuple of arguments for ${name}`, kindOf(args));
    if (args.length > MAX_ARGUMENTS) this.fail(`at most ${MAX_ARGUMENTS} arguments for ${name}`, args.length);
    for (const arg of args) this.#parts += partsOf(arg);
    const most = MAX_PARTS_PER_BYTE * this.#bytes.length;
    if (this.#parts > most) this.fail(`calls whose arguments have at most ${most} parts`, "more");
    return this.#reader.globals[name]!(...args);
  }

  /** A global whose name was on the stack. */
  named(): Global {
    const [name, module] = [this.pop(), this.pop()];
    const other = [module, name].find((part) => typeof part !== "string");
    if (other !== undefined) this.fail("a global's module and name to be text", kindOf(other));
    return globalOf(module as string, name as string);
  }

  /** __setstate__: what an OrderedDict carries beside its entries (a state dict's version numbers) is dropped. */
  build(): this {
    this.pop();
    const target = this.top();
    const known = target instanceof Map || (isRecord(target) && "unread" in target);
    if (!known) this.fail("a state for a dict alone", `one for ${kindOf(target)}`);
    return this;
  }

  persistent(): PickleValue {
    return this.#reader.persistent(this.pop());
  }
}

const STOP = 0x2e;

/** Opcodes that push a value, with pickletools' names. */
const VALUES: Readonly<Record<number, (m: Machine) => Cell>> = {
  0x28: () => MARK,
  0x32: (m) => m.top(), // DUP
  0x4e: () => null, // NONE
  0x88: () => true, // NEWTRUE
  0x89: () => false, // NEWFALSE
  0x4b: (m) => m.unsigned(1), // BININT1
  0x4d: (m) => m.unsigned(2), // BININT2
  0x4a: (m) => m.unsigned(4) | 0, // BININT
  0x8a: (m) => m.long(), // LONG1
  0x47: (m) => m.double(), // BINFLOAT
  0x55: (m) => m.text(1), // SHORT_BINSTRING
  0x54: (m) => m.text(4), // BINSTRING
  0x8c: (m) => m.text(1), // SHORT_BINUNICODE
  0x58: (m) => m.text(4), // BINUNICODE
  0x8d: (m) => m.text(8), // BINUNICODE8
  0x43: (m) => m.bytes(1), // SHORT_BINBYTES
  0x42: (m) => m.bytes(4), // BINBYTES
  0x5d: () => [], // EMPTY_LIST
  0x29: () => [], // EMPTY_TUPLE
  0x8f: () => [], // EMPTY_SET
  0x7d: () => new Map(), // EMPTY_DICT
  0x74: (m) => m.popToMark(), // TUPLE
  0x85: (m) => [m.pop()], // TUPLE1
  0x86: (m) => [m.pop(), m.pop()].reverse(), // TUPLE2
  0x87: (m) => [m.pop(), m.pop(), m.pop()].reverse(), // TUPLE3
  0x68: (m) => m.recall(m.unsigned(1)), // BINGET
  0x6a: (m) => m.recall(m.unsigned(4)), // LONG_BINGET
  0x63: (m) => globalOf(m.line(), m.line()), // GLOBAL
  0x93: (m) => m.named(), // STACK_GLOBAL
  0x52: (m) => m.call(), // REDUCE
  0x81: (m) => m.call(), // NEWOBJ
  0x51: (m) => m.persistent(), // BINPERSID
};

/** Opcodes that change what is there. */
const ACTIONS = new Map<number, (m: Machine) => unknown>([
  [0x80, (m) => m.take(1)], // PROTO
  [0x95, (m) => m.take(8)], // FRAME
  [0x30, (m) => m.pop()], // POP
  [0x31, (m) => m.popToMark()], // POP_MARK
  [0x61, (m) => m.append([m.pop()])], // APPEND
  [0x65, (m) => m.append(m.popToMark())], // APPENDS
  [0x90, (m) => m.append(m.popToMark())], // ADDITEMS
  [0x73, (m) => m.assign([m.pop(), m.pop()].reverse())], // SETITEM
  [0x75, (m) => m.assign(m.popToMark())], // SETITEMS
  [0x71, (m) => m.remember(m.unsigned(1))], // BINPUT
  [0x72, (m) => m.remember(m.unsigned(4))], // LONG_BINPUT
  [0x94, (m) => m.remember()], // MEMOIZE
  [0x62, (m) => m.build()], // BUILD
]);

/** Up to protocol 2, Python 3 writes Python 2's name of the module of built-in functions. */
function globalOf(module: string, name: string): Global {
  return { global: `${module === "__builtin__" ? "builtins" : module}.${name}` };
}

/** UTF-8, in which Python also writes half a surrogate pair, a character that no text has ("surrogatepass"). */
function decodeText(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let [text, from] = ["", 0];
  for (let at = bytes.indexOf(0xed); at !== -1; at = bytes.indexOf(0xed, at + 1)) {
    const [second = 0, third = 0] = bytes.subarray(at + 1, at + 3);
    if (second < 0xa0 || second > 0xbf || third < 0x80 || third > 0xbf) continue;
    const surrogate = String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f));
    text += decoder.decode(bytes.subarray(from, at)) + surrogate;
    from = at + 3;
  }
  return text + decoder.decode(bytes.subarray(from));
}

/** Characters of a text, members of a list or dict. */
function partsOf(value: PickleValue): number {
  if (value instanceof Map) return value.size;
  return typeof value === "string" || Array.isArray(value) ? value.length : 1;
}

function isRecord(value: PickleValue): value is Global | Unread | Opaque {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Map || value instanceof Uint8Array)
  );
}

/** A value in an error message. */
export function kindOf(value: PickleValue): string {
  if (value === null) return "None";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "a dict";
  if (value instanceof Uint8Array) return "bytes";
  if (typeof value !== "object") return `a ${typeof value}`;
  if ("global" in value) return value.global;
  return "unread" in value ? value.unread : value.opaque;
}
