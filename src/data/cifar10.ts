import { check, fail } from "../check.js";
import { bytesOf, fileBytes } from "../formats/bytes.js";
import { imageSet, type ImageSet } from "./image-set.js";

const SIDE = 32;
const PIXELS = SIDE * SIDE;
/** A label byte, then the red, the green and the blue plane, each row by row. */
const RECORD = 1 + 3 * PIXELS;

/** The class names, in the order of the label bytes (batches.meta.txt of the release). */
export const cifar10Classes = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
] as const;

/**
 * Reads one file of CIFAR-10's binary version (`data_batch_1.bin` ... `test_batch.bin`): records of 3073 bytes,
 * a label and three colour planes. Source: https://www.cs.toronto.edu/~kriz/cifar.html, "binary version".
 *
 * @param source the content of the file: a Uint8Array or an ArrayBuffer
 * @param name what to call it in error messages
 * @returns 32x32 RGB byte images, NHWC, with labels 0..9
 * @throws if the file is empty, is no whole number of records, or a label is above 9
 * @example
 * ```ts
 * import { decodeCifar10 } from "cfd-distill/data";
 * const record = new Uint8Array(3073).fill(255);
 * record[0] = 6;
 * const set = decodeCifar10(record);
 * console.log(set.classes[set.labels[0]!]); // frog
 * ```
 */
export function decodeCifar10(source: Uint8Array | ArrayBufferLike, name = "file"): ImageSet {
  check(typeof name === "string", "decodeCifar10", "name to be text", name);
  const where = `decodeCifar10 (${name})`;
  const bytes = bytesOf(where, source);
  check(bytes.length > 0, where, `records of ${RECORD} bytes`, "an empty file");
  const whole = `a whole number of ${RECORD}-byte records`;
  // Only here may a page be told from pixels, which can look like anything.
  if (bytes.length % RECORD !== 0) fail(where, whole, `${fileBytes(where, whole, bytes).length} bytes`);
  const count = bytes.length / RECORD;
  const images = new Uint8Array(count * 3 * PIXELS);
  const labels: number[] = [];
  for (let i = 0; i < count; i++) {
    const label = bytes[i * RECORD]!;
    check(label < cifar10Classes.length, where, "every label in 0..9", `${label} in record ${i}`);
    labels.push(label);
    const planes = bytes.subarray(i * RECORD + 1, (i + 1) * RECORD);
    for (let p = 0; p < PIXELS; p++) {
      for (let c = 0; c < 3; c++) images[(i * PIXELS + p) * 3 + c] = planes[c * PIXELS + p]!;
    }
  }
  return imageSet({ images, labels, classes: cifar10Classes, shape: [SIDE, SIDE, 3] });
}
