import { type Rng } from "cfd-distill";
import { imageBatch, type ImageBatch, type ImageSet, type Picture } from "cfd-distill/data";
import { cutout, mirror, shift } from "./moves.js";
import { autoAugment } from "./policy.js";

/** A 32x32 image is cut out of itself with a rim of so many grey pixels. */
const PADDING = 4;
/** Side of the square that is blackened. */
const HOLE = 16;

/**
 * What the authors do to a training image of their classifiers, in their order: a random crop of the padded image, a
 * mirror image half of the time, a sub-policy of AutoAugment, a black square. The same stream gives the same result.
 */
export function augment(image: Picture, rng: Rng): Picture {
  const offset = () => rng.integer(2 * PADDING + 1) - PADDING;
  const cropped = shift(image, offset(), offset());
  const turned = rng.uniform() < 0.5 ? mirror(cropped) : cropped;
  const changed = autoAugment(turned, rng);
  return cutout(changed, rng.integer(image.width), rng.integer(image.height), HOLE);
}

/**
 * Rows `from` to `to` (excluded) of a random batch of augmented images, drawn with replacement. Each image has a stream
 * of its own, so rows are the same whoever computes how many of them.
 *
 * @param set byte images with three channels
 * @param rng the stream to draw from; it advances by the whole batch
 * @returns { x0: [to - from, height, width, 3] in [-1, 1], labels }; the caller disposes `x0`
 * @throws if the images are not such bytes
 */
export function drawAugmented(
  set: ImageSet,
  rng: Rng,
  { batch, from = 0, to = batch }: { readonly batch: number; readonly from?: number; readonly to?: number },
): ImageBatch {
  const { images, labels, shape } = set;
  const [height, width, channels] = shape;
  if (!(images instanceof Uint8Array) || channels !== 3) {
    const kind = images instanceof Uint8Array ? "bytes" : "floats";
    throw new Error(`drawAugmented: expected images of bytes with 3 channels, got ${kind} with ${channels}.`);
  }
  const drawn = Array.from({ length: batch }, () => ({
    index: rng.integer(labels.length),
    stream: rng.fork(rng.integer(2 ** 32)),
  })).slice(from, to);
  const size = height * width * 3;
  const bytes = new Uint8Array(drawn.length * size);
  drawn.forEach(({ index, stream }, i) => {
    const data = images.subarray(index * size, (index + 1) * size);
    bytes.set(augment({ width, height, data }, stream).data, i * size);
  });
  const part = { ...set, images: bytes, labels: drawn.map(({ index }) => labels[index]!) };
  return imageBatch(part, [...drawn.keys()]);
}
