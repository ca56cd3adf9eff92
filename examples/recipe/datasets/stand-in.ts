import { imageSet } from "cfd-distill/data";
import type { Data } from "../../../tools/image-sets.js";
import { classesOf } from "./folder.js";

/** CIFAR-10's; a plan asks how many there are, not what they are called. */
const CIFAR10 = Array.from({ length: 10 }, (_, i) => `class ${i}`);

/**
 * What stands in for images where a run is only planned: their size and classes. A folder that is not there yet counts
 * as one class.
 *
 * @param options `size`: height and width in pixels; `folder`: the pictures, in place of CIFAR-10
 * @returns one black image of each class
 */
export async function standIn(options: {
  readonly size: number;
  readonly folder?: string | undefined;
}): Promise<Data> {
  const { size, folder } = options;
  const classes = folder === undefined ? CIFAR10 : ((await classesOf(folder)) ?? [folder]);
  const labels = classes.map((_, label) => label);
  const images = new Uint8Array(classes.length * size * size * 3);
  const set = imageSet({ images, labels, classes, shape: [size, size, 3] });
  return { train: set, test: set };
}
