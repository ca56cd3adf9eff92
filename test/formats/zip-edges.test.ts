// Zips made by hand, field by field (APPNOTE.TXT 6.3, sections 4.3 to 4.5): what may stand in each, and what not.
import crc32 from "crc-32";
import { deflateSync } from "fflate";
import { describe, expect, it } from "vitest";
import { readStoredZip, readZip } from "../../src/formats/zip.js";

const u16 = (n: number) => [n & 255, (n >> 8) & 255];
const u32 = (n: number) => [...u16(n & 0xffff), ...u16(n >>> 16)];
const u64 = (n: number) => [...u32(n), 0, 0, 0, 0];
const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const crcOf = (bytes: readonly number[]) => crc32.buf([...bytes]) >>> 0;

interface Fields {
  readonly name: string;
  /** Its bytes as they lie in the file, and expanded. */
  readonly packed: readonly number[];
  readonly whole?: readonly number[];
  readonly method?: number;
  /** What its own header says otherwise. */
  readonly own?: {
    readonly name?: string;
    readonly extra?: readonly number[];
    readonly sizes?: readonly number[];
  };
  /** What the directory says otherwise. */
  readonly extra?: readonly number[];
  readonly comment?: readonly number[];
  readonly sizes?: readonly number[];
  readonly begin?: number;
  readonly crc?: number;
}

const own = ({ name, packed, whole = packed, method = 0, own: other = {}, crc = crcOf(whole) }: Fields) => {
  const [text, extra] = [utf8(other.name ?? name), other.extra ?? []];
  const sizes = other.sizes ?? [packed.length, whole.length];
  const head = [...u32(0x04034b50), ...u16(20), ...u16(0), ...u16(method), ...u32(0), ...u32(crc)];
  return [
    ...head,
    ...sizes.flatMap(u32),
    ...u16(text.length),
    ...u16(extra.length),
    ...text,
    ...extra,
    ...packed,
  ];
};
const listed = (fields: Fields, at: number) => {
  const {
    name,
    packed,
    whole = packed,
    method = 0,
    extra = [],
    comment = [],
    begin = at,
    crc = crcOf(whole),
  } = fields;
  const sizes = fields.sizes ?? [packed.length, whole.length];
  const text = utf8(name);
  const head = [
    ...u32(0x02014b50),
    ...u16(20),
    ...u16(20),
    ...u16(0),
    ...u16(method),
    ...u32(0),
    ...u32(crc),
  ];
  const lengths = [text.length, extra.length, comment.length].flatMap(u16);
  return [
    ...head,
    ...sizes.flatMap(u32),
    ...lengths,
    ...Array<number>(8).fill(0),
    ...u32(begin),
    ...text,
    ...extra,
    ...comment,
  ];
};

/** A zip of these members, listed in the order `order`, with a comment. */
function zipOf(
  members: readonly Fields[],
  order = members.map((_, i) => i),
  comment: readonly number[] = [],
) {
  const begins: number[] = [];
  const body: number[] = [];
  for (const member of members) {
    begins.push(body.length);
    body.push(...own(member));
  }
  const directory = order.flatMap((i) => listed(members[i]!, begins[i]!));
  const counts = [0, 0, order.length, order.length].flatMap(u16);
  const end = [
    ...u32(0x06054b50),
    ...counts,
    ...u32(directory.length),
    ...u32(body.length),
    ...u16(comment.length),
  ];
  return Uint8Array.from([...body, ...directory, ...end, ...comment]);
}

const kind = { whole: "a whole zip", damaged: "a damaged one" };
const content = (bytes: Uint8Array) =>
  [...readZip(bytes, "here", kind)].map(([name, member]) => [name, ...member.read()]);
const [a, b]: Fields[] = [
  { name: "a", packed: [1, 2, 3] },
  { name: "b", packed: [4] },
] as const;
const refusal = (bytes: Uint8Array) => () => content(bytes);
/** The copy of a zip with a byte changed that stands so far from the directory's begin, or from the end. */
const damaged = (bytes: Uint8Array, from: number, by: number) =>
  bytes.map((byte, i) => (i === (from < 0 ? bytes.length + from : from) ? byte ^ by : byte));
const members = [a, b];
const body = members.flatMap(own).length;

describe("a zip is read", () => {
  it("whatever the order in which its members are listed", () => {
    expect(content(zipOf(members))).toEqual([
      ["a", 1, 2, 3],
      ["b", 4],
    ]);
    expect(content(zipOf(members, [1, 0]))).toEqual([
      ["b", 4],
      ["a", 1, 2, 3],
    ]);
  });

  it("with comments and extra fields of all kinds, which its lengths pass over", () => {
    const extra = [...u16(7), ...u16(2), 9, 9];
    const rich = { ...a, own: { extra }, extra, comment: [1, 2, 3, 4] };
    expect(content(zipOf([rich, b]))).toEqual([
      ["a", 1, 2, 3],
      ["b", 4],
    ]);
    for (const length of [1, 25, 0xffff]) {
      expect(content(zipOf([a], [0], Array<number>(length).fill(0x50)))).toEqual([["a", 1, 2, 3]]);
    }
    expect(content(zipOf([]))).toEqual([]);
    expect(content(zipOf([{ name: "\ufeffä", packed: [] }]))).toEqual([["\ufeffä"]]);
  });

  it("with sizes and places of 64 bits, in their order, behind other extra fields", () => {
    const moved = [0xffffffff, 0xffffffff];
    const other = [...u16(7), ...u16(1), 9];
    const sizes = [...u16(1), ...u16(16), ...u64(3), ...u64(3)];
    expect(content(zipOf([{ ...a, extra: [...other, ...sizes], sizes: moved }]))).toEqual([["a", 1, 2, 3]]);
    const begins = [...u16(1), ...u16(8), ...u64(0)];
    expect(content(zipOf([{ ...a, extra: begins, begin: 0xffffffff }]))).toEqual([["a", 1, 2, 3]]);
    const both = { ...a, extra: sizes, sizes: moved, own: { extra: [...other, ...sizes], sizes: moved } };
    expect(content(zipOf([both, b]))).toHaveLength(2);
    const short = { ...a, extra: [...u16(1), ...u16(8), ...u64(3)], sizes: moved };
    expect(refusal(zipOf([short]))).toThrow("a damaged one: an extra field that is too short.");
  });

  it("deflated, if it expands to what it is said to be", () => {
    const whole = Array<number>(1000).fill(7);
    const packed = [...deflateSync(Uint8Array.from(whole))];
    const member = { name: "a", packed, whole, method: 8 };
    expect(content(zipOf([member]))).toEqual([["a", ...whole]]);
    const lying = (size: number) =>
      zipOf([{ ...member, sizes: [packed.length, size], own: { sizes: [packed.length, size] } }]);
    expect(refusal(lying(999))).toThrow('here: expected "a" to expand to 999 bytes, got more.');
    expect(refusal(lying(1001))).toThrow('here: expected "a" to expand to 1001 bytes, got 1000.');
    const most = 1032 * packed.length;
    expect(refusal(lying(most))).toThrow(`"a" to expand to ${most} bytes, got 1000.`);
    expect(refusal(lying(most + 1))).toThrow(
      `here: expected "a" to expand to ${most + 1} bytes, got ${packed.length} bytes, which cannot.`,
    );
    const broken = { ...member, packed: [7, 7, 7] };
    expect(refusal(zipOf([broken]))).toThrow('here: expected "a" to expand to 1000 bytes, got damaged ones.');
  });
});

describe("a zip is refused, in full words:", () => {
  const two = zipOf(members);
  const entry = listed(a, 0).length;
  const cases: [string, Uint8Array][] = [
    [`a whole zip, got a damaged one: entry 0 of 2 at byte ${body}.`, damaged(two, body, 1)],
    [`a whole zip, got a damaged one: entry 1 of 2 at byte ${body + entry}.`, damaged(two, body + entry, 1)],
    ['a member "" of the zip to be of that name, got a.', damaged(two, body + 28, 1)],
    ["a whole zip, got a damaged one: entry 0 beyond the directory's end.", damaged(two, body + 29, 1)],
    [
      "a whole zip, got a damaged one: entry 1 beyond the directory's end.",
      damaged(two, body + entry + 30, 1),
    ],
    [
      "a whole zip, got a damaged one: entry 1 beyond the directory's end.",
      damaged(two, body + entry + 32, 1),
    ],
    ["a whole zip, got a damaged one: no directory at its end: is it cut off?.", damaged(two, -22, 1)],
    ["a whole zip, got a damaged one: no directory at its end: is it cut off?.", damaged(two, -2, 1)],
    ["a whole zip, got a damaged one: no directory at its end: is it cut off?.", two.subarray(0, -1)],
    ["a whole zip, got a damaged one: no directory at its end: is it cut off?.", new Uint8Array(21)],
    [
      `a whole zip, got a damaged one: a directory of 2 members from byte ${body + 256} to ${body + 2 * entry}.`,
      damaged(two, -5, 1),
    ],
    ['a whole zip, got a damaged one: no member "a" at byte 0.', damaged(two, 0, 1)],
    [`a whole zip, got a damaged one: no member "a" at byte ${body}.`, zipOf([{ ...a, begin: body }])],
    ['a whole zip, got a damaged one: no member "b" at byte 1.', zipOf([a, { ...b, begin: 1 }])],
    ['a member "a" of the zip to be of that name, got x.', zipOf([{ ...a, own: { name: "x" } }])],
    [
      'a whole zip, got a damaged one: "a" from byte 287, behind the directory\'s begin.',
      damaged(zipOf([a]), 29, 1),
    ],
    ['"a" to have the size it is said to have, got 3, 4.', zipOf([{ ...a, sizes: [3, 4] }])],
    ['a whole zip, got a damaged one: "a" from byte 31, of 4 bytes.', zipOf([{ ...a, sizes: [4, 4] }])],
    ["every name in the zip once, got a.", zipOf([a, { ...b, name: "a" }])],
    ['"a" to lie apart from the zip\'s other members, got shared bytes.', zipOf([a, { ...a, begin: 0 }])],
    [
      `the header of "a" to say what the zip's directory says (method, CRC-32, sizes: 0, ${crcOf([1, 2, 3])}, 3, 3), got 0, ${crcOf([1, 2, 3])}, 3, 5.`,
      zipOf([{ ...a, own: { sizes: [3, 5] } }]),
    ],
    ['"a" to have the CRC-32 00000007, got 55bc801d: it is damaged.', zipOf([{ ...a, crc: 7 }])],
    ['"a" to be stored or deflated, got compressed by method 9.', zipOf([{ ...a, method: 9 }])],
  ];
  it.each(cases)("%s", (message, bytes) => {
    expect(refusal(bytes)).toThrow(`here: expected ${message}`);
  });

  it("as a file of torch.save, where a checksum may be missing but not be wrong", () => {
    const read = (...fields: Fields[]) =>
      [...readStoredZip(zipOf(fields), "here")].map(([name, bytes]) => [name, ...bytes]);
    expect(read({ ...a, crc: 0 })).toEqual([["a", 1, 2, 3]]);
    expect(() => read({ ...a, crc: 1 })).toThrow('"a" to have the CRC-32 00000001');
    const whole = [1, 1, 1, 1];
    const deflated = { name: "a", packed: [...deflateSync(Uint8Array.from(whole))], whole, method: 8 };
    const what = 'here: expected "a" to be stored without compression, as torch.save does, got';
    expect(() => read(deflated)).toThrow(`${what} compressed.`);
    expect(() => read({ ...a, method: 9 })).toThrow(`${what} compressed by method 9.`);
    expect(() => readStoredZip(new Uint8Array(30), "here")).toThrow(
      "here: expected a whole zip of torch.save, got a damaged one: no directory at its end: is it cut off?.",
    );
  });
});
