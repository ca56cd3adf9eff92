import * as tf from "../tfjs.js";
import { MOST } from "../bounds.js";
import { check, checkEach, checkNamed, checkOptions, checkPositiveInteger, fail } from "../check.js";
import { checkRng, type Rng } from "../rng.js";
import { builtInOf } from "../formats/bytes.js";

/** Labelled images of one size, held in memory outside the engine. */
export interface ImageSet {
  /** NHWC: bytes 0..255, or float32 in [-1, 1]. */
  readonly images: Uint8Array | Float32Array;
  /** One index into `classes` per image. */
  readonly labels: readonly number[];
  readonly classes: readonly string[];
  /** [height, width, channels] */
  readonly shape: readonly [number, number, number];
}

/** A batch ready for training. */
export interface ImageBatch {
  /** [batch, height, width, channels] in [-1, 1]; the caller disposes it. */
  readonly x0: tf.Tensor4D;
  readonly labels: number[];
}

/**
 * Refuses pixel values that are no images in [-1, 1]: the one place where ranges are looked at, because doing so
 * in a training loop would read every batch back.
 *
 * @param values pixel values, any layout
 * @param where who complains in the error message
 * @throws if a value is NaN or outside [-1, 1], naming the value and its position
 * @example
 * ```ts
 * import { checkImageRange } from "cfd-distill/data";
 * checkImageRange(Float32Array.of(-1, 0.5, 1), "my loader");
 * ```
 */
export function checkImageRange(values: Float32Array, where: string): void {
  const kind = builtInOf(values);
  check(kind === "Float32Array", where, "pixels in a Float32Array", kind);
  const at = values.findIndex((value) => !(value >= -1 && value <= 1));
  if (at >= 0) fail(where, "every pixel in [-1, 1]", `${values[at]} at position ${at}`);
}

/**
 * Images with labels, checked once and for all.
 *
 * @param set `images` NHWC, bytes (0..255) or float32 in [-1, 1]; `labels`, indices into `classes`; `shape`,
 *   [height, width, channels]
 * @returns the same data
 * @throws if the pixels are in another array, a key is unknown, there is no image, sizes do not multiply out, a label names no class, or a pixel is outside [-1, 1]
 * @example
 * ```ts
 * import { imageSet } from "cfd-distill/data";
 * const set = imageSet({
 *   images: Uint8Array.of(0, 64, 128, 255, 1, 2, 3, 4),
 *   labels: [0, 1],
 *   classes: ["dark to light", "dark"],
 *   shape: [2, 2, 1],
 * });
 * ```
 */
export function imageSet(set: ImageSet): ImageSet {
  checkOptions("imageSet", set, { images: true, labels: true, classes: true, shape: true });
  checkLayout(set, "imageSet");
  const { images, labels, classes } = set;
  const isLabel = (label: unknown) =>
    Number.isInteger(label) && (label as number) >= 0 && (label as number) < classes.length;
  checkEach(labels, isLabel, "imageSet", `every label in 0..${classes.length - 1}`);
  checkEach(classes, (name) => typeof name === "string", "imageSet", "every class to be a name");
  if (builtInOf(images) === "Float32Array") checkImageRange(images as Float32Array, "imageSet");
  return set;
}

/** What can be told at once of a set of any size. */
function checkLayout(set: ImageSet, where: string): void {
  checkNamed(set, where, "an image set");
  const { images, labels, classes, shape } = set;
  const kind = builtInOf(images);
  const known = kind === "Uint8Array" || kind === "Float32Array";
  check(known, where, "images in a Uint8Array or a Float32Array", kind);
  const lists = [labels, classes, shape].every((list) => builtInOf(list) === "Array");
  check(lists, where, "labels, classes and shape to be lists", { labels, classes, shape });
  check(shape.length === 3, where, "shape to be [height, width, channels]", shape);
  for (const size of shape) checkPositiveInteger(size, where, "every size in shape");
  check(labels.length > 0, where, "at least one image", "none");
  const expected = labels.length * shape[0] * shape[1] * shape[2];
  check(
    images.length === expected,
    where,
    `${expected} pixel values (${labels.length} labels, images of ${shape.join("x")})`,
    images.length,
  );
}

/**
 * The images at `indices` as a tensor in [-1, 1]; bytes b become b / 127.5 - 1.
 *
 * @param set the images
 * @param indices which ones, in which order; repetitions are allowed
 * @returns { x0: [indices.length, height, width, channels], labels }; the caller disposes `x0`
 * @throws if there is no index, or one is outside the set
 * @example
 * ```ts
 * import { imageBatch, imageSet } from "cfd-distill/data";
 * const set = imageSet({ images: Uint8Array.of(0, 255), labels: [0, 0], classes: ["grey"], shape: [1, 1, 1] });
 * const { x0 } = imageBatch(set, [1, 0]); // 1, -1
 * x0.dispose();
 * ```
 */
export function imageBatch(set: ImageSet, indices: readonly number[]): ImageBatch {
  return gather(set, "imageBatch", indices, () => ({ flip: false, top: 0, left: 0 }));
}

/**
 * A random batch, drawn with replacement, so that the stream alone says what comes next (a resumed run goes on
 * with the very same images). The draws depend on the stream only, never on the engine.
 *
 * @param set the images
 * @param rng the stream to draw from; it advances
 * @param options `batch`: how many; `flip` (default false): mirror each image left-right with probability 1/2;
 *   `crop` (default 0): shift each image by up to so many pixels either way, mid-grey filling the rim
 * @returns { x0: [batch, height, width, channels] in [-1, 1], labels }; the caller disposes `x0`
 * @throws if an option is unknown, `batch` is no positive integer or `crop` no non-negative one
 * @example
 * ```ts
 * import { createRng } from "cfd-distill";
 * import { drawBatch, imageSet } from "cfd-distill/data";
 * const set = imageSet({ images: Uint8Array.of(0, 255), labels: [0, 1], classes: ["a", "b"], shape: [1, 1, 1] });
 * const { x0, labels } = drawBatch(set, createRng(1), { batch: 4, flip: true });
 * x0.dispose();
 * ```
 */
export function drawBatch(
  set: ImageSet,
  rng: Rng,
  options: { readonly batch: number; readonly flip?: boolean; readonly crop?: number },
): ImageBatch {
  checkOptions("drawBatch", options, { batch: true, flip: true, crop: true });
  const { batch, flip = false, crop = 0 } = options;
  checkLayout(set, "drawBatch");
  checkRng(rng, "drawBatch");
  checkPositiveInteger(batch, "drawBatch", "batch");
  checkFits(set, batch, "drawBatch");
  check(Number.isInteger(crop) && crop >= 0, "drawBatch", "crop to be a non-negative integer", crop);
  check(typeof flip === "boolean", "drawBatch", "flip to be true or false", flip);
  const shift = () => (crop === 0 ? 0 : rng.integer(2 * crop + 1) - crop);
  const indices = Array.from({ length: batch }, () => rng.integer(set.labels.length));
  return gather(set, "drawBatch", indices, () => ({
    flip: flip && rng.uniform() < 0.5,
    top: shift(),
    left: shift(),
  }));
}

type Change = { readonly flip: boolean; readonly top: number; readonly left: number };

function gather(set: ImageSet, where: string, indices: readonly number[], change: () => Change): ImageBatch {
  checkLayout(set, where);
  check(builtInOf(indices) === "Array", where, "indices to be a list", indices);
  check(indices.length > 0, where, "at least one image", "none");
  checkFits(set, indices.length, where);
  const count = set.labels.length;
  const isIndex = (index: unknown) =>
    Number.isInteger(index) && (index as number) >= 0 && (index as number) < count;
  checkEach(indices, isIndex, where, `every index in 0..${count - 1}`);
  const size = set.shape[0] * set.shape[1] * set.shape[2];
  const values = new Float32Array(indices.length * size);
  indices.forEach((index, i) => {
    copyImage(set, index, values.subarray(i * size, (i + 1) * size), change());
  });
  const x0 = tf.tensor4d(values, [indices.length, ...set.shape]);
  return { x0, labels: indices.map((index) => set.labels[index]!) };
}

/** Bounds the batch before anything of its size is made. */
function checkFits({ shape }: ImageSet, count: number, where: string): void {
  const size = shape[0] * shape[1] * shape[2];
  check(count * size <= MOST.pixels, where, `a batch of at most ${MOST.pixels} numbers`, count * size);
}

/** One image as floats, shifted and then mirrored; what the shift uncovers stays 0, the grey of [-1, 1]. */
function copyImage(set: ImageSet, index: number, target: Float32Array, change: Change): void {
  const [height, width, channels] = set.shape;
  const start = index * target.length;
  const bytes = builtInOf(set.images) === "Uint8Array";
  for (let y = 0; y < height; y++) {
    const fromY = y + change.top;
    if (fromY < 0 || fromY >= height) continue;
    for (let x = 0; x < width; x++) {
      const fromX = (change.flip ? width - 1 - x : x) + change.left;
      if (fromX < 0 || fromX >= width) continue;
      const source = start + (fromY * width + fromX) * channels;
      for (let c = 0; c < channels; c++) {
        const value = set.images[source + c]!;
        target[(y * width + x) * channels + c] = bytes ? value / 127.5 - 1 : value;
      }
    }
  }
}
