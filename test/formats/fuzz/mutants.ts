import { createRng, type Rng } from "../../../src/index.js";

/** Numbers that upset sizes, counts and offsets. */
const ODD = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
/** What may stand where a JSON text has a value. */
const ODD_JSON = [
  ...[
    '{"toString":1}',
    '{"__proto__":{}}',
    '"constructor"',
    '"__proto__"',
    "[]",
    "[[0]]",
    "null",
    "true",
    '""',
  ],
  ...["-1", "0", "0.5", "1e9", "1e308", "1e400", "-0", "9007199254740993", '"8"', "[".repeat(200), "NaN"],
];

type Mutation = (bytes: Uint8Array<ArrayBuffer>, rng: Rng) => Uint8Array<ArrayBuffer>;

const anywhere = (bytes: Uint8Array, rng: Rng) => rng.integer(Math.max(1, bytes.length));

/** What a damaged disk, a broken transfer or an enemy does to a file. */
const MUTATIONS: readonly Mutation[] = [
  function bit(bytes, rng) {
    bytes[anywhere(bytes, rng)]! ^= 1 << rng.integer(8);
    return bytes;
  },
  function byte(bytes, rng) {
    bytes[anywhere(bytes, rng)] = rng.integer(256);
    return bytes;
  },
  function cut(bytes, rng) {
    return bytes.slice(0, anywhere(bytes, rng));
  },
  function number(bytes, rng) {
    const at = anywhere(bytes, rng);
    const value = ODD[rng.integer(ODD.length)]!;
    const size = [1, 2, 4, 8][rng.integer(4)]!;
    for (let i = 0; i < size && at + i < bytes.length; i++) bytes[at + i] = i < 4 ? value >>> (8 * i) : 0;
    return bytes;
  },
  function move(bytes, rng) {
    const from = anywhere(bytes, rng);
    return bytes.copyWithin(anywhere(bytes, rng), from, from + rng.integer(64));
  },
  function insert(bytes, rng) {
    const at = anywhere(bytes, rng);
    const extra = bytes.slice(at, at + rng.integer(40));
    return Uint8Array.from([...bytes.subarray(0, at), ...extra, ...bytes.subarray(at)]);
  },
  function remove(bytes, rng) {
    const at = anywhere(bytes, rng);
    return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + rng.integer(16))]);
  },
];

/** A file with one to four changes, the same for the same seed. */
export function mutant(bytes: Uint8Array, seed: number): Uint8Array {
  const rng = createRng(seed);
  let changed = new Uint8Array(bytes);
  for (let n = 1 + rng.integer(4); n > 0 && changed.length > 0; n--) {
    changed = MUTATIONS[rng.integer(MUTATIONS.length)]!(changed, rng);
  }
  return changed;
}

/** A JSON text with one to three of its values, or its words, replaced. */
export function mutantJson(text: string, seed: number): string {
  const rng = createRng(seed);
  let changed = text;
  for (let n = 1 + rng.integer(3); n > 0; n--) {
    const values = [...changed.matchAll(/"(?:[^"\\]|\\.)*"|-?[\d.]+(?:e[+-]?\d+)?|true|false|null|[[{]/gu)];
    const chosen = values[rng.integer(Math.max(1, values.length))];
    if (chosen === undefined) break;
    const odd = ODD_JSON[rng.integer(ODD_JSON.length)]!;
    changed = changed.slice(0, chosen.index) + odd + changed.slice(chosen.index + chosen[0].length);
  }
  return changed;
}
