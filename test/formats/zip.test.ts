// Fixtures: python scripts/reference/make_metrics_files.py, and see test/fixtures/torch.
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { decodeNpz, encodeNpz, readTorchCheckpoint } from "../../src/formats/index.js";
import { readZip } from "../../src/formats/zip.js";

const fixture = (name: string) => readFile(`test/fixtures/${name}`);
const kind = { whole: "a whole zip", damaged: "a damaged one" };
const read = (bytes: Uint8Array) => readZip(bytes, "here", kind);
const content = (bytes: Uint8Array) => [...read(bytes)].map(([name, member]) => [name, [...member.read()]]);
const data = Uint8Array.from({ length: 300 }, (_, i) => i & 15);
const packed = zipSync({ a: data });
const plain = zipSync({ a: data }, { level: 0 });

/** A copy with fields of two or four bytes changed, by where they are. */
function changed(
  bytes: Uint8Array,
  ...changes: readonly [at: number, value: number, size?: 2 | 4][]
): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (const [at, value, size = 2] of changes) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return copy;
}
const entryOf = (bytes: Uint8Array) => Buffer.from(bytes).indexOf("PK\x01\x02");
const endOf = (bytes: Uint8Array) => bytes.length - 22;

/** Every outcome of `decode` on `bytes` with one bit turned over: the same as before, or an error in our words. */
function flip(bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown, step: number): void {
  const right = decode(bytes);
  for (let bit = 0; bit < 8 * bytes.length; bit += step) {
    const damaged = bytes.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    let wrong = "";
    try {
      if (!isDeepStrictEqual(decode(damaged), right)) wrong = "other numbers";
    } catch (error) {
      const outcome = error instanceof Error && error.constructor === Error ? error.message : String(error);
      if (!/^(decodeNpz|readTorchCheckpoint): expected [^]*, got [^]*\.$/.test(outcome)) wrong = outcome;
    }
    expect(wrong, `bit ${bit}`).toBe("");
  }
}

describe("one bit of a zip turned over", () => {
  const numbers = (bytes: Uint8Array) =>
    Object.entries(decodeNpz(bytes)).map(([name, { shape, data }]) => [
      name,
      shape,
      Array.from(data as never, String),
    ]);

  it("changes no number of a .npz file, compressed or not", async () => {
    flip(await fixture("metrics/compressed.npz"), numbers, 1);
    flip(await fixture("metrics/reference.npz"), numbers, 3);
    flip(encodeNpz({ a: { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) } }), numbers, 1);
  });

  it("changes nothing in what torch.save wrote", async () => {
    const tree = (bytes: Uint8Array) => readTorchCheckpoint(bytes);
    flip(await fixture("torch/everything.pt"), tree, 23);
  });
});

describe("readZip", () => {
  it("reads members that are stored or deflated, empty ones too", () => {
    expect(content(zipSync({ a: data, "b/c": [data, { level: 0 }], d: new Uint8Array(0) }))).toEqual([
      ["a", [...data]],
      ["b/c", [...data]],
      ["d", []],
    ]);
  });

  it("takes sizes that follow a member for what they are, and holds its header against the directory else", () => {
    const zeros = [[14, 0, 4], [18, 0, 4], [22, 0, 4]] as [number, number, 4][]; // prettier-ignore
    expect(content(changed(packed, [6, 8], ...zeros))).toEqual([["a", [...data]]]);
    const what = 'here: expected the header of "a" to say what the zip\'s directory says';
    expect(() => content(changed(packed, ...zeros))).toThrow(what);
    for (const at of [8, 14, 18, 22]) {
      expect(() => content(changed(packed, [at, 7])), String(at)).toThrow(what);
      expect(() => content(changed(packed, [6, 8], [at, 7])), String(at)).toThrow(what);
    }
  });

  it("names what it cannot read, once it is asked for", () => {
    const entry = entryOf(packed);
    const cases: [Uint8Array, string][] = [
      [changed(packed, [entry + 8, 1], [6, 1]), "encrypted"],
      [changed(packed, [entry + 8, 0x40], [6, 0x40]), "encrypted"],
      [changed(packed, [entry + 10, 14], [8, 14]), "compressed by method 14"],
    ];
    for (const [bytes, got] of cases) {
      expect(read(bytes).get("a")?.unreadable).toBe(got);
      expect(() => content(bytes)).toThrow(`here: expected "a" to be stored or deflated, got ${got}.`);
    }
  });

  it("refuses other bytes than the checksum's, and other lengths than the directory's", () => {
    const at = 31; // the first byte of the data
    expect(() => content(changed(plain, [at, 0x0302]))).toThrow(
      /^here: expected "a" to have the CRC-32 [0-9a-f]{8}, got [0-9a-f]{8}: it is damaged\.$/,
    );
    expect(() => content(changed(packed, [at, 0xffff]))).toThrow(
      /"a" to (expand to 300 bytes|have the CRC-32)/,
    );
    const entry = entryOf(packed);
    const size = (value: number) => changed(packed, [entry + 24, value, 4], [22, value, 4]);
    expect(() => content(size(299))).toThrow('"a" to expand to 299 bytes, got more.');
    expect(() => content(size(301))).toThrow('"a" to expand to 301 bytes, got 300.');
  });

  it("holds the number of members against the directory", () => {
    const two = zipSync({ a: data, b: data });
    const end = endOf(two);
    expect(() => read(changed(two, [end + 8, 1], [end + 10, 1]))).toThrow(
      "got a damaged one: 47 bytes behind the 1 members that its directory lists",
    );
    expect(() => read(changed(two, [end + 8, 1]))).toThrow("one of several parts, with 1 of 2 members");
    expect(() => read(changed(two, [end + 8, 3], [end + 10, 3]))).toThrow("a directory of 3 members");
  });

  it("takes a checksum of 0 for none only where the format may leave it out", () => {
    const none = changed(plain, [entryOf(plain) + 16, 0, 4], [14, 0, 4]);
    expect(() => content(none)).toThrow("to have the CRC-32 00000000");
    expect(
      readZip(none, "here", { ...kind, unchecked: true })
        .get("a")
        ?.read(),
    ).toEqual(data);
  });
});
