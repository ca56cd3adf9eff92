// TensorBoard's event files: https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto (event.proto,
// summary.proto), each message framed as a TFRecord: https://www.tensorflow.org/tutorials/load_data/tfrecord.
import crc32c from "crc-32/crc32c.js";
import protobuf from "protobufjs/light.js";

const one = (type: string, id: number) => ({ type, id });

const { Event } = protobuf.Root.fromJSON({
  nested: {
    Event: {
      fields: {
        wallTime: one("double", 1),
        step: one("int64", 2),
        fileVersion: one("string", 3),
        summary: one("Summary", 5),
        sessionLog: one("SessionLog", 7),
      },
    },
    Summary: { fields: { value: { rule: "repeated", ...one("Value", 1) } } },
    Value: {
      fields: { tag: one("string", 1), simpleValue: one("float", 2), image: one("Image", 4) },
      oneofs: { value: { oneof: ["simpleValue", "image"] } }, // else a 0 would be left out
    },
    Image: {
      fields: {
        height: one("int32", 1),
        width: one("int32", 2),
        colorspace: one("int32", 3),
        encodedImageString: one("bytes", 4),
      },
    },
    SessionLog: { fields: { status: one("int32", 1) } },
  },
}).nested as { readonly Event: protobuf.Type };

/** A number or a picture under a name. */
export type Value =
  { readonly tag: string; readonly simpleValue: number } | { readonly tag: string; readonly image: Image };

interface Image {
  readonly height: number;
  readonly width: number;
  /** 3 is RGB. */
  readonly colorspace: number;
  readonly encodedImageString: Uint8Array;
}

/** One event, of a single kind. */
export type Content =
  /** The first of every file. */
  | { readonly fileVersion: "brain.Event:2" }
  /** With status 1 a session starts: what earlier files say of this step and of later ones no longer counts. */
  | { readonly step: number; readonly sessionLog: { readonly status: 1 } }
  | { readonly step: number; readonly summary: { readonly value: readonly Value[] } };

/** The bytes of an event that happens now, as they are appended to a file. */
export function encodeEvent(content: Content): Buffer {
  const message = Event.fromObject({ wallTime: Date.now() / 1000, ...content });
  return record(Buffer.from(Event.encode(message).finish()));
}

/** A TFRecord: length and checksum, data and checksum. */
function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedCrc(length), data, maskedCrc(data)]);
}

/** CRC-32C, rotated by 15 bits and shifted, as that page says. */
function maskedCrc(data: Buffer): Buffer {
  const crc = crc32c.buf(data) >>> 0;
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}
