// Files that PyTorch never writes, made to cost time or memory, or to pass for something else.
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { readTorchCheckpoint, UnreadLeaf } from "../../../src/formats/index.js";

const ascii = (text: string) => Array.from(text, (character) => character.charCodeAt(0));
const u32 = (n: number) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];
const text = (value: string) => [0x58, ...u32(value.length), ...ascii(value)]; // BINUNICODE
const times = (count: number, bytes: readonly number[]) => Array.from({ length: count }, () => bytes).flat();

/** A zip of torch.save, with this pickle. */
function checkpoint(pickle: readonly number[], members: Record<string, Uint8Array> = {}): Uint8Array {
  return zipSync({ "a/data.pkl": Uint8Array.from([0x80, 2, ...pickle, 0x2e]), ...members }, { level: 0 });
}

const storage = [
  ...ascii("("),
  ...text("storage"),
  ...ascii("ctorch\nFloatStorage\n"),
  ...text("0"),
  ...text("cpu"),
  ...ascii("K\x04tQ"),
];
const REBUILD = ascii("ctorch._utils\n_rebuild_tensor_v2\n");
/** A tensor on four floats: `place` pushes its offset, shape and strides, and what follows them. */
const tensor = (place: readonly number[]) =>
  checkpoint([...REBUILD, ...ascii("("), ...storage, ...place, ...ascii("tR")], {
    "a/data/0": new Uint8Array(16),
  });

/** A list that holds the one before it twice, 40 times over: small here, a billion where it is written out. */
const doubled = [
  ...ascii("]q\0"),
  ...Array.from({ length: 40 }, (_, i) => [...ascii("0]q"), i + 1, ...ascii("(h"), i, 0x68, i, 0x65]).flat(),
];

/** Refused with this message, at once: what it would cost otherwise are minutes. */
function expectRefused(bytes: Uint8Array, message: RegExp): void {
  const started = performance.now();
  let said = "";
  try {
    readTorchCheckpoint(bytes);
  } catch (error) {
    said = (error as Error).message;
  }
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(said).toMatch(/^readTorchCheckpoint: expected [^]*, got [^]*\.$/);
  expect(said).toMatch(message);
}

describe("a pickle that refers to one value many times", () => {
  it.each([
    [
      "in the name of a global",
      checkpoint([...doubled, ...text("a"), 0x93]),
      /a global's module and name to be text, got a list/,
    ],
    [
      "in a tensor's shape",
      tensor([...ascii("K\0"), ...doubled, ...ascii("K\x01\x85\x89}")]),
      /a tensor's shape to be a list of sizes, got a list/,
    ],
    [
      "in a tensor's strides",
      tensor([...ascii("K\0K\x01\x85"), ...doubled, ...ascii("\x89}")]),
      /strides to be a list of sizes, got a list/,
    ],
    [
      "in a tensor's offset",
      tensor([...doubled, ...ascii("K\x01\x85K\x01\x85\x89}")]),
      /offset to be a size, got a list/,
    ],
    [
      "in a storage's length",
      checkpoint([
        ...ascii("("),
        ...text("storage"),
        ...ascii("ctorch\nFloatStorage\n"),
        ...text("0"),
        ...text("cpu"),
        ...doubled,
        ...ascii("tQ"),
      ]),
      /the length of storage 0 to be a size, got a list/,
    ],
    [
      "in the version of the old format",
      Uint8Array.from([...ascii("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02"), ...doubled, 0x2e]),
      /version 1001 .*, got a list/,
    ],
    [
      "as text that becomes bytes",
      checkpoint([
        ...text("x".repeat(1e5)),
        ...ascii("q\0"),
        ...text("latin1"),
        ...ascii("q\x01]("),
        ...times(2e4, ascii("c_codecs\nencode\nh\0h\x01\x86R")),
        0x65,
      ]),
      /calls whose arguments have at most \d+ parts/,
    ],
    [
      "as a dict's entries",
      checkpoint([
        ...ascii("]("),
        ...times(5e4, ascii("NN\x86")),
        ...ascii("eq\0ccollections\nOrderedDict\nq\x01]("),
        ...times(2e4, ascii("h\x01h\0\x85R")),
        0x65,
      ]),
      /calls whose arguments have at most \d+ parts/,
    ],
    [
      "as a shape of many axes",
      checkpoint(
        [
          ...ascii("("),
          ...times(1e5, ascii("K\x01")),
          ...ascii("tq\0"),
          ...storage,
          ...ascii("q\x01"),
          ...REBUILD,
          ...ascii("q\x02]("),
          ...times(2e4, ascii("h\x02(h\x01K\0h\0h\0\x89}tR")),
          0x65,
        ],
        { "a/data/0": new Uint8Array(16) },
      ),
      /at most 64 axes, got 100000|calls whose arguments have at most \d+ parts/,
    ],
  ])("%s", (_, bytes, message) => {
    expectRefused(bytes, message);
  });
});

describe("a pickle", () => {
  it.each([
    [
      "with a list as a global's name, nested without end",
      checkpoint([...times(5e4, [0x5d]), ...times(49_999, [0x61]), ...text("a"), 0x93]),
      /module and name to be text/,
    ],
    [
      "with more arguments than a call takes",
      checkpoint([...ascii("ctorch\ndevice\n("), ...times(3e5, [0x4e]), ...ascii("tR")]),
      /at most 16 arguments for torch.device, got 300000/,
    ],
    ["with nothing but marks", checkpoint(times(1e5, [0x28])), /a value on the pickle's stack/],
    ["with an integer of 2 GB", checkpoint([0x8b, ...u32(0x7fffffff)]), /opcode 0x8b at byte 2/],
    ["with text of 2^64 bytes", checkpoint([0x8d, ...times(8, [0xff])]), /more bytes of a pickle/],
    [
      "with a negative stride",
      tensor(ascii("K\x03K\x04\x85J\xff\xff\xff\xff\x85\x89}")),
      /strides to be a list of sizes, got \[-1\]/,
    ],
    [
      "with sizes that overflow",
      tensor(
        ascii("K\0\x8a\x07\xff\xff\xff\xff\xff\xff\x1f\x85\x8a\x07\xff\xff\xff\xff\xff\xff\x1f\x85\x89}"),
      ),
      /within its storage of 4 elements/,
    ],
    [
      "with an offset out of its storage",
      tensor(ascii("K\x04K\x01\x85K\x01\x85\x89}")),
      /within its storage of 4 elements, got strides \[1\] from 4/,
    ],
    ["with fewer strides than sizes", tensor(ascii("K\0K\x02K\x02\x86K\x01\x85\x89}")), /2 strides, got 1/],
  ])("%s", (_, bytes, message) => {
    expectRefused(bytes, message);
  });

  it("with dicts and lists that contain themselves, or each other, has a leaf where they begin again", () => {
    const dict = { a: new UnreadLeaf("a dict that contains itself") };
    expect({ ...(readTorchCheckpoint(checkpoint(ascii("}q\0X\x01\0\0\0ah\0s"))) as object) }).toEqual(dict);
    const lists = readTorchCheckpoint(checkpoint(ascii("]q\0]q\x01h\0aa")));
    expect(lists).toEqual([[new UnreadLeaf("a list that contains itself")]]);
  });

  it("may name keys that objects treat specially, at every level", () => {
    const key = text("__proto__");
    const bytes = checkpoint([
      ...ascii("}"),
      ...key,
      ...ascii("}"),
      ...key,
      ...ascii("}"),
      ...text("polluted"),
      ...ascii("\x88sss"),
    ]);
    const tree = readTorchCheckpoint(bytes) as Record<string, Record<string, Record<string, boolean>>>;
    expect(Object.keys(tree)).toEqual(["__proto__"]);
    expect(tree.__proto__!.__proto__!.polluted).toBe(true);
    expect(Object.getPrototypeOf(tree.__proto__!)).toBe(null);
    expect("polluted" in {}).toBe(false);
  });
});

/** A zip by hand, so that it can lie: each member's bytes, and what the directory says of it. */
interface Member {
  readonly name: string;
  readonly bytes?: readonly number[];
  /** What its own header says; left out, it has none and `at` says where it is. */
  readonly ownName?: string;
  readonly at?: number;
  readonly size?: number;
  readonly method?: number;
  readonly flags?: number;
}

const u16 = (n: number) => [n & 255, n >> 8];

function zipOf(members: readonly Member[], count = members.length): Uint8Array {
  const body: number[] = [];
  const directory: number[] = [];
  for (const {
    name,
    bytes = [],
    ownName = name,
    at,
    size = bytes.length,
    method = 0,
    flags = 0,
  } of members) {
    const begin = at ?? body.length;
    const fields = [...u16(20), ...u16(flags), ...u16(method), ...times(8, [0])];
    if (at === undefined) {
      const own = [...u32(size), ...u32(size), ...u16(ownName.length), 0, 0, ...ascii(ownName)];
      body.push(...u32(0x04034b50), ...fields, ...own, ...bytes);
    }
    const said = [
      ...u32(size),
      ...u32(size),
      ...u16(name.length),
      ...times(12, [0]),
      ...u32(begin),
      ...ascii(name),
    ];
    directory.push(...u32(0x02014b50), 20, 0, ...fields, ...said);
  }
  const end = [0, 0, 0, 0, ...u16(count), ...u16(count), ...u32(directory.length), ...u32(body.length), 0, 0];
  return Uint8Array.from([...body, ...directory, ...u32(0x06054b50), ...end]);
}

const pickle = { name: "a/data.pkl", bytes: [0x80, 2, ...text("read"), 0x2e] };
const zeros = times(64, [0]);

describe("a zip", () => {
  it("whose members lie apart is read, by its own headers and its directory alike", () => {
    expect(readTorchCheckpoint(zipOf([pickle, { name: "a/data/0", bytes: zeros }]))).toBe("read");
  });

  it.each([
    [
      "with two members in one place",
      [{ name: "a/data/0", bytes: zeros }, pickle, { name: "a/data/0", at: 0, size: 64 }],
      /to lie apart from the zip's other members, got shared bytes/,
    ],
    ["with a member within another", [{ name: "a/data/0", bytes: zeros, size: 80 }, pickle], /to lie apart/],
    [
      "with a member of another's name",
      [pickle, { name: "a/data/0", ownName: "a/data/1", bytes: zeros }],
      /a member "a\/data\/0" of the zip to be of that name, got a\/data\/1/,
    ],
    [
      "with a member that reaches into the directory",
      [pickle, { name: "a/data/0", bytes: zeros, size: 65 }],
      /a damaged one: "a\/data\/0" from byte \d+, of 65 bytes/,
    ],
    [
      "with a member beyond its end",
      [pickle, { name: "a/data/0", at: 1e6 }],
      /no member "a\/data\/0" at byte 1000000/,
    ],
    [
      "with an encrypted member",
      [{ ...pickle, flags: 1 }],
      /to be stored without compression.*, got encrypted/,
    ],
    [
      "with a compressed member",
      [{ ...pickle, method: 8 }],
      /to be stored without compression.*, got compressed/,
    ],
    ["with one name twice", [pickle, pickle], /every name in the zip once/],
  ] as [string, Member[], RegExp][])("%s", (_, members, message) => {
    expectRefused(zipOf(members), message);
  });

  it("that lists more members than it has", () => {
    expectRefused(zipOf([pickle], 2), /a directory of 2 members from byte/);
    expectRefused(zipOf([pickle], 0xffff), /a directory of 65535 members/);
  });

  it("with 64-bit records that lie", () => {
    const whole = zipOf([pickle]);
    const end = whole.slice(-22);
    const at = whole.length - 22;
    const u64 = (n: bigint) => Array.from({ length: 8 }, (_, i) => Number((n >> BigInt(8 * i)) & 255n));
    const with64 = (count: bigint, begin: bigint, locator = BigInt(at)) => {
      const record = [
        ...u32(0x06064b50),
        ...u64(44n),
        ...times(12, [0]),
        ...u64(count),
        ...u64(count),
        ...u64(0n),
        ...u64(begin),
      ];
      return Uint8Array.from([
        ...whole.slice(0, at),
        ...record,
        ...u32(0x07064b50),
        ...u32(0),
        ...u64(locator),
        ...u32(1),
        ...end,
      ]);
    };
    const begin = BigInt(new DataView(end.buffer).getUint32(16, true));
    expect(readTorchCheckpoint(with64(1n, begin))).toBe("read");
    expectRefused(with64(2n ** 63n, begin), /a directory of 9223372036854776000 members/);
    expectRefused(with64(1n, 2n ** 64n - 1n), /a directory of 1 members from byte 18446744073709552000/);
    expectRefused(with64(1n, begin, 2n ** 63n), /no 64-bit end record at byte/);
  });
});
