// Image sets cut into parts.
import { imageSet, type ImageSet } from "cfd-distill/data";

/** Training images and images no network was trained on. */
export interface Data {
  readonly train: ImageSet;
  readonly test: ImageSet;
}

/** Every tenth image for testing, so that each group is in both parts. */
export function splitTenth(set: ImageSet): Data {
  const indices = set.labels.map((_, i) => i);
  return {
    train: subset(
      set,
      indices.filter((i) => i % 10 !== 9),
    ),
    test: subset(
      set,
      indices.filter((i) => i % 10 === 9),
    ),
  };
}

/** The images at `indices`. */
export function subset(set: ImageSet, indices: readonly number[]): ImageSet {
  const size = set.shape[0] * set.shape[1] * set.shape[2];
  const images = new Uint8Array(indices.length * size);
  indices.forEach((index, i) => {
    images.set(set.images.subarray(index * size, (index + 1) * size), i * size);
  });
  return imageSet({ ...set, images, labels: indices.map((index) => set.labels[index]!) });
}
