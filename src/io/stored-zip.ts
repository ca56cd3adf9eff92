import { check, fail } from "../check.js";

// A zip whose members are not compressed, as torch.save writes it (APPNOTE.TXT 6.3, sections 4.3 and 4.5). fflate reads
// zips as well, but does not tell where members lie nor looks at their own headers: they could share bytes, or be others
// than the directory says. As nothing is expanded, members are windows onto the file, and no copies.

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

interface Entry {
  readonly name: string;
  /** Where the member's own header begins, and where its bytes end. */
  readonly begin: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

/** The members by name. Throws unless each lies whole in the file, uncompressed and apart from all others. */
export function readStoredZip(bytes: Uint8Array, where: string): ReadonlyMap<string, Uint8Array> {
  const zip = new Zip(bytes, where);
  const entries = zip.entries();
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin)) {
    check(begin >= covered, where, `"${name}" to lie apart from the zip's other members`, "shared bytes");
    covered = end;
  }
  const members = new Map(entries.map(({ name, bytes }) => [name, bytes]));
  check(members.size === entries.length, where, "every name in the zip once", "a repeated name");
  return members;
}

/** A class, because every field is read from the same bytes, on behalf of the same caller. */
class Zip {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #where: string;

  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
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
    return entries;
  }

  /** How many members there are, and where they are listed. */
  #directory(): { count: number; begin: number; end: number } {
    const end = this.#endRecord();
    const locator = end - LOCATOR_LENGTH;
    if (locator < 0 || this.#u32(locator) !== LOCATOR) {
      return this.#within(this.#u16(end + 10), this.#u32(end + 16), end);
    }
    const at = this.#u64(locator + 8);
    const known = at + END64_LENGTH <= locator && this.#u32(at) === END64;
    if (!known) this.#damaged(`no 64-bit end record at byte ${at}`);
    return this.#within(this.#u64(at + 32), this.#u64(at + 48), at);
  }

  #within(count: number, begin: number, end: number) {
    const fits = begin <= end && count * ENTRY_LENGTH <= end - begin;
    if (!fits) this.#damaged(`a directory of ${count} members from byte ${begin} to ${end}`);
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
    const what = `"${name}" to be stored without compression, as torch.save does`;
    const [flags, method] = [this.#u16(at + 8), this.#u16(at + 10)];
    check(method === 0 && (flags & 1) === 0, this.#where, what, method === 0 ? "encrypted" : "compressed");
    const { size, expanded, begin } = this.#place(at, nameLength);
    const sizes = `${size}, ${expanded}`;
    check(size === expanded, this.#where, `"${name}" to have the size it is said to have`, sizes);
    const start = this.#ownHeader(begin, name, limit);
    if (!(start + size <= limit)) this.#damaged(`"${name}" from byte ${start}, of ${size} bytes`);
    return { name, begin, end: start + size, bytes: this.#bytes.subarray(start, start + size) };
  }

  /** A member's sizes and where it is: fields of 32 bits, or, in this order, of 64 in the extra field. */
  #place(at: number, nameLength: number): { size: number; expanded: number; begin: number } {
    const fields = { expanded: this.#u32(at + 24), size: this.#u32(at + 20), begin: this.#u32(at + 42) };
    const first = at + ENTRY_LENGTH + nameLength;
    const end = first + this.#u16(at + 30);
    for (let extra = first; extra + 4 <= end; extra += 4 + this.#u16(extra + 2)) {
      if (this.#u16(extra) !== EXTRA64) continue;
      let next = extra + 4;
      const read = (value: number) => {
        if (value !== MOVED) return value;
        if (next + 8 > end) this.#damaged("an extra field that is too short");
        next += 8;
        return this.#u64(next - 8);
      };
      return { expanded: read(fields.expanded), size: read(fields.size), begin: read(fields.begin) };
    }
    return fields;
  }

  /** Where a member's bytes begin, after its own header, which has to bear the same name. */
  #ownHeader(at: number, name: string, limit: number): number {
    const known = at + LOCAL_LENGTH <= limit && this.#u32(at) === LOCAL;
    if (!known) this.#damaged(`no member "${name}" at byte ${at}`);
    const [nameLength, extraLength] = [this.#u16(at + 26), this.#u16(at + 28)];
    const own = this.#text(at + LOCAL_LENGTH, nameLength);
    check(own === name, this.#where, `a member "${name}" of the zip to be of that name`, own);
    return at + LOCAL_LENGTH + nameLength + extraLength;
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
    return fail(this.#where, "a whole zip of torch.save", `a damaged one: ${how}`);
  }
}
