import crc32 from "crc-32";
import { inflateSync } from "fflate";
import { check, fail } from "../check.js";

// Zips as torch.save and NumPy write them (APPNOTE.TXT 6.3, sections 4.3 to 4.5). fflate expands their members, but as a
// reader of zips it looks neither at their checksums nor at their own headers: they could be damaged, share bytes, or be
// others than the directory says.

const END = 0x06054b50;
const END_LENGTH = 22;
const LOCATOR = 0x07064b50;
const LOCATOR_LENGTH = 20;
const END64 = 0x06064b50;
const END64_LENGTH = 56;
const ENTRY = 0x02014b50;
const ENTRY_LENGTH = 46;
const LOCAL = 0x04034b50;
const LOCAL_LENGTH = 30;
const LONGEST_COMMENT = 0xffff;
/** What stands in a field whose value needs 64 bits and so is in the extra field of this kind. */
const MOVED = 0xffffffff;
const EXTRA64 = 1;
/** Flags: encrypted; and sizes that the writer did not know when it wrote the member's own header. */
const ENCRYPTED = 0x2041;
const SIZES_BEHIND = 8;
const STORED = 0;
const DEFLATED = 8;
/** What a byte can expand to at most: a match of 258 bytes takes two bits. */
const MOST_EXPANSION = 1032;

/** A member of a zip, not read yet. */
export interface ZipMember {
  readonly name: string;
  /** Its bytes, expanded. */
  readonly size: number;
  /** Whether it lies in the file as it is. */
  readonly stored: boolean;
  /** What is wrong with it so that it cannot be read: the method of compression, or that it is encrypted. */
  readonly unreadable: string | undefined;
  /** The checksum of its bytes that the directory gives. */
  readonly crc: number;
  /** Its bytes, a window onto the file if it is stored. Throws unless they have the size and checksum said of them. */
  readonly read: () => Uint8Array;
}

/** What a zip is expected to be, and what to call one that is damaged. */
export interface ZipKind {
  readonly whole: string;
  readonly damaged: string;
  /** Whether a checksum of 0 says that the writer made none. */
  readonly unchecked?: boolean;
}

interface Place {
  readonly size: number;
  readonly packed: number;
  readonly begin: number;
}

interface Entry extends ZipMember {
  /** Where the member's own header begins, and where its bytes end. */
  readonly begin: number;
  readonly end: number;
}

/** The members by name. Throws unless the directory lists all, each once, and each lies in the file apart from all others. */
export function readZip(bytes: Uint8Array, where: string, kind: ZipKind): ReadonlyMap<string, ZipMember> {
  const entries = new Zip(bytes, where, kind).entries();
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin)) {
    check(begin >= covered, where, `"${name}" to lie apart from the zip's other members`, "shared bytes");
    covered = end;
  }
  const members = new Map<string, ZipMember>();
  for (const entry of entries) {
    check(!members.has(entry.name), where, "every name in the zip once", entry.name);
    members.set(entry.name, entry);
  }
  return members;
}

/** What torch.save writes, which may be told to leave checksums out (`set_crc32_options`). */
const TORCH: ZipKind = { whole: "a whole zip of torch.save", damaged: "a damaged one", unchecked: true };

/** The bytes of the members of a file of torch.save, which compresses none, by name: windows onto the file. */
export function readStoredZip(bytes: Uint8Array, where: string): ReadonlyMap<string, Uint8Array> {
  const members = readZip(bytes, where, TORCH);
  for (const { name, unreadable, stored } of members.values()) {
    const what = `"${name}" to be stored without compression, as torch.save does`;
    check(stored && unreadable === undefined, where, what, unreadable ?? "compressed");
  }
  return new Map([...members].map(([name, member]) => [name, member.read()]));
}

function obstacle(flags: number, method: number): string | undefined {
  if ((flags & ENCRYPTED) !== 0) return "encrypted";
  return method === STORED || method === DEFLATED ? undefined : `compressed by method ${method}`;
}

/** A class, because every field is read from the same bytes, on behalf of the same caller. */
class Zip {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #where: string;
  readonly #kind: ZipKind;

  constructor(bytes: Uint8Array, where: string, kind: ZipKind) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
    this.#kind = kind;
  }

  /** What the directory at the file's end lists. */
  entries(): Entry[] {
    const { count, begin, end } = this.#directory();
    const entries: Entry[] = [];
    let at = begin;
    for (let i = 0; i < count; i++) {
      const known = at + ENTRY_LENGTH <= end && this.#u32(at) === ENTRY;
      if (!known) this.#damaged(`entry ${i} of ${count} at byte ${at}`);
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => this.#u16(at + field));
      const next = at + ENTRY_LENGTH + nameLength! + extraLength! + commentLength!;
      if (next > end) this.#damaged(`entry ${i} beyond the directory's end`);
      entries.push(this.#entry(at, begin));
      at = next;
    }
    if (at !== end) this.#damaged(`${end - at} bytes behind the ${count} members that its directory lists`);
    return entries;
  }

  /** How many members there are, and where they are listed. */
  #directory(): { count: number; begin: number; end: number } {
    const end = this.#endRecord();
    const counts = [this.#u16(end + 8), this.#u16(end + 10)];
    const locator = end - LOCATOR_LENGTH;
    if (locator < 0 || this.#u32(locator) !== LOCATOR) {
      return this.#within(counts, this.#u32(end + 16), end);
    }
    const at = this.#u64(locator + 8);
    const known = at + END64_LENGTH <= locator && this.#u32(at) === END64;
    if (!known) this.#damaged(`no 64-bit end record at byte ${at}`);
    const counts64 = [this.#u64(at + 24), this.#u64(at + 32)];
    return this.#within(counts64, this.#u64(at + 48), at);
  }

  #within([here = 0, count = 0]: readonly number[], begin: number, end: number) {
    const fits = begin <= end && count * ENTRY_LENGTH <= end - begin;
    if (!fits) this.#damaged(`a directory of ${count} members from byte ${begin} to ${end}`);
    if (here !== count) this.#damaged(`one of several parts, with ${here} of ${count} members`);
    return { count, begin, end };
  }

  #endRecord(): number {
    const last = this.#bytes.length - END_LENGTH;
    for (let at = last; at >= Math.max(0, last - LONGEST_COMMENT); at--) {
      if (this.#u32(at) === END && at + END_LENGTH + this.#u16(at + 20) === this.#bytes.length) return at;
    }
    return this.#damaged("no directory at its end: is it cut off?");
  }

  #entry(at: number, limit: number): Entry {
    const nameLength = this.#u16(at + 28);
    const name = this.#text(at + ENTRY_LENGTH, nameLength);
    const [flags, method, crc] = [this.#u16(at + 8), this.#u16(at + 10), this.#u32(at + 16)];
    const extra = at + ENTRY_LENGTH + nameLength;
    const place = this.#place(at + 20, extra, extra + this.#u16(at + 30), this.#u32(at + 42));
    const { size, packed, begin } = place;
    const unreadable = obstacle(flags, method);
    const stored = method === STORED;
    const sizes = `${packed}, ${size}`;
    check(!stored || packed === size, this.#where, `"${name}" to have the size it is said to have`, sizes);
    const start = this.#ownHeader(begin, name, limit);
    if (!(start + packed <= limit)) this.#damaged(`"${name}" from byte ${start}, of ${packed} bytes`);
    const entry = { name, begin, end: start + packed, size, stored, unreadable, crc };
    const read = () => {
      this.#compare(place, entry, method);
      return this.#checked(entry, this.#bytes.subarray(start, start + packed));
    };
    return { ...entry, read };
  }

  /** A member's sizes, two fields, and where it is: each of 32 bits, or, in this order, of 64 in the extra field. */
  #place(at: number, extra: number, end: number, begin: number): Place {
    const fields = { size: this.#u32(at + 4), packed: this.#u32(at), begin };
    for (let field = extra; field + 4 <= end; field += 4 + this.#u16(field + 2)) {
      if (this.#u16(field) !== EXTRA64) continue;
      let next = field + 4;
      const read = (value: number) => {
        if (value !== MOVED) return value;
        if (next + 8 > end) this.#damaged("an extra field that is too short");
        next += 8;
        return this.#u64(next - 8);
      };
      return { size: read(fields.size), packed: read(fields.packed), begin: read(fields.begin) };
    }
    return fields;
  }

  /** Where a member's bytes begin, after its own header, which has to bear the same name. */
  #ownHeader(at: number, name: string, limit: number): number {
    const known = at + LOCAL_LENGTH <= limit && this.#u32(at) === LOCAL;
    if (!known) this.#damaged(`no member "${name}" at byte ${at}`);
    const [nameLength, extraLength] = [this.#u16(at + 26), this.#u16(at + 28)];
    const start = at + LOCAL_LENGTH + nameLength + extraLength;
    if (start > limit) this.#damaged(`"${name}" from byte ${start}, behind the directory's begin`);
    const own = this.#text(at + LOCAL_LENGTH, nameLength);
    check(own === name, this.#where, `a member "${name}" of the zip to be of that name`, own);
    return start;
  }

  /** Throws unless a member's own header says of it what the directory says, as far as its writer knew. */
  #compare(
    { size, packed, begin }: Place,
    { name, crc }: { name: string; crc: number },
    method: number,
  ): void {
    const extra = begin + LOCAL_LENGTH + this.#u16(begin + 26);
    const own = this.#place(begin + 18, extra, extra + this.#u16(begin + 28), begin);
    const later = (this.#u16(begin + 6) & SIZES_BEHIND) !== 0;
    const said = [this.#u16(begin + 8), this.#u32(begin + 14), own.packed, own.size];
    const wanted = [method, crc, packed, size];
    const same = wanted.every((value, i) => said[i] === value || (later && i > 0 && said[i] === 0));
    const what = `the header of "${name}" to say what the zip's directory says (method, CRC-32, sizes: ${wanted.join(", ")})`;
    check(same, this.#where, what, said.join(", "));
  }

  /** A member's bytes, expanded, if they are what the directory says. */
  #checked({ name, size, stored, unreadable, crc }: Omit<ZipMember, "read">, packed: Uint8Array): Uint8Array {
    check(unreadable === undefined, this.#where, `"${name}" to be stored or deflated`, unreadable);
    const bytes = stored ? packed : this.#expanded(name, packed, size);
    if (crc === 0 && this.#kind.unchecked) return bytes;
    const found = crc32.buf(bytes) >>> 0;
    const hex = (value: number) => value.toString(16).padStart(8, "0");
    check(
      found === crc,
      this.#where,
      `"${name}" to have the CRC-32 ${hex(crc)}`,
      `${hex(found)}: it is damaged`,
    );
    return bytes;
  }

  #expanded(name: string, packed: Uint8Array, size: number): Uint8Array {
    const what = `"${name}" to expand to ${size} bytes`;
    const possible = size <= MOST_EXPANSION * packed.length;
    check(possible, this.#where, what, `${packed.length} bytes, which cannot`);
    let bytes: Uint8Array;
    try {
      // Room for one byte more than there should be: what finds no room is dropped without a word.
      bytes = inflateSync(packed, { out: new Uint8Array(size + 1) });
    } catch {
      return fail(this.#where, what, "damaged ones");
    }
    check(bytes.length === size, this.#where, what, bytes.length > size ? "more" : bytes.length);
    return bytes;
  }

  #text(at: number, length: number): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.#bytes.subarray(at, at + length));
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** Beyond 2^53 it is rounded, and so far beyond any file's end. */
  #u64(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }

  #damaged(how: string): never {
    return fail(this.#where, this.#kind.whole, `${this.#kind.damaged}: ${how}`);
  }
}
