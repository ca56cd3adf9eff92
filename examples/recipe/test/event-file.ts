// Reads TensorBoard's event files, from the specifications alone: TFRecords of protocol buffers.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** What the tests look at in an event. */
export interface ReadEvent {
  readonly version: string | undefined;
  readonly wallTime: number;
  readonly step: number;
  /** Whether a session starts. */
  readonly start: boolean;
  readonly scalars: Readonly<Record<string, number>>;
  readonly images: Readonly<
    Record<string, { readonly width: number; readonly height: number; readonly bytes: Buffer }>
  >;
}

/** What a viewer shows of a folder: of all its files, in order, what no later session has taken back. */
export function readFolder(folder: string): ReadEvent[] {
  const files = readdirSync(folder).filter((name) => name.includes("tfevents"));
  const events = files.sort().flatMap((name) => readEvents(readFileSync(join(folder, name))));
  return events.reduce<ReadEvent[]>(
    (kept, event) => [...(event.start ? kept.filter(({ step }) => step < event.step) : kept), event],
    [],
  );
}

/** The events of a file, whose checksums must be right. */
export function readEvents(file: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    const [head, data] = [file.subarray(at, at + 8), file.subarray(at + 12, at + 12 + length)];
    const sums = [file.readUInt32LE(at + 8), file.readUInt32LE(at + 12 + length)];
    if (sums[0] !== masked(crc32c(head)) || sums[1] !== masked(crc32c(data))) {
      throw new Error(`A checksum is wrong at byte ${at}.`);
    }
    events.push(readEvent(data));
    at += 16 + length;
  }
  return events;
}

/** The checksum of RFC 3720, a bit at a time. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const masked = (crc: number) => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

function readEvent(data: Buffer): ReadEvent {
  const event = fieldsOf(data);
  const values = event.all(5).flatMap((summary) => fieldsOf(summary).all(1).map(fieldsOf));
  const named = <T>(of: (value: Fields) => T | undefined): Record<string, T> =>
    Object.fromEntries(
      values.flatMap((value) => {
        const read = of(value);
        return read === undefined ? [] : [[value.all(1)[0]!.toString(), read]];
      }),
    );
  return {
    version: event.all(3)[0]?.toString(),
    wallTime: event.all(1)[0]!.readDoubleLE(),
    step: event.number(2),
    start: event.all(7).some((log) => fieldsOf(log).number(1) === 1),
    scalars: named((value) => value.all(2)[0]?.readFloatLE()),
    images: named((value) => {
      const [image] = value.all(4).map(fieldsOf);
      return image && { height: image.number(1), width: image.number(2), bytes: image.all(4)[0]! };
    }),
  };
}

interface Fields {
  /** What a field holds, as often as it is there; a varint as 8 bytes. */
  readonly all: (id: number) => Buffer[];
  /** The integer in a field, 0 where it is left out. */
  readonly number: (id: number) => number;
}

/** The fields of a message: https://protobuf.dev/programming-guides/encoding/. */
function fieldsOf(message: Buffer): Fields {
  const fields: { id: number; content: Buffer }[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number) => message.subarray(at, (at += length));
  while (at < message.length) {
    const key = Number(varint());
    const kind = key & 7;
    const whole = Buffer.alloc(8);
    if (kind === 0) whole.writeBigUInt64LE(varint());
    fields.push({
      id: key >> 3,
      content: kind === 0 ? whole : take(kind === 1 ? 8 : kind === 5 ? 4 : Number(varint())),
    });
  }
  const all = (id: number) => fields.filter((field) => field.id === id).map(({ content }) => content);
  return { all, number: (id) => Number(all(id)[0]?.readBigUInt64LE() ?? 0n) };
}
