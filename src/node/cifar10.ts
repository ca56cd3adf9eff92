import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { check } from "../check.js";
import { decodeCifar10 } from "../data/cifar10.js";
import { imageSet, type ImageSet } from "../data/image-set.js";
import { readWhole } from "./read-whole.js";

const FILES = {
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  test: ["test_batch.bin"],
};

/**
 * CIFAR-10 from the unpacked binary release (`cifar-10-binary.tar.gz`), into memory.
 *
 * @param directory the folder with `data_batch_1.bin` ..., or the one that holds `cifar-10-batches-bin`
 * @param split "train" (five files, 50,000 images in the release) or "test" (one file, 10,000)
 * @returns 32x32 RGB byte images, NHWC, with labels 0..9
 * @throws if a file is missing, no file, empty, truncated, or holds a label above 9
 * @example
 * ```ts
 * import { readCifar10 } from "cfd-distill/node";
 * const message = await readCifar10("no-such-folder", "test").catch((error: Error) => error.message);
 * console.log(message); // readCifar10: expected test_batch.bin in no-such-folder or ...
 * ```
 */
export async function readCifar10(directory: string, split: "train" | "test"): Promise<ImageSet> {
  check(typeof directory === "string", "readCifar10", "the path of a folder", directory);
  check(split === "train" || split === "test", "readCifar10", '"train" or "test"', split);
  const folders = [directory, join(directory, "cifar-10-batches-bin")];
  const parts: ImageSet[] = [];
  for (const name of FILES[split]) {
    const path = folders.map((folder) => join(folder, name)).find((one) => existsSync(one));
    check(path !== undefined, "readCifar10", `${name} in ${folders.join(" or ")}`, "no such file");
    check(statSync(path).isFile(), "readCifar10", `a file at ${path}`, "a folder, a pipe or a device");
    parts.push(decodeCifar10(await readWhole(path, "readCifar10"), name));
  }
  return concatenate(parts);
}

function concatenate(parts: readonly ImageSet[]): ImageSet {
  const { classes, shape } = parts[0]!;
  const images = new Uint8Array(parts.reduce((sum, part) => sum + part.images.length, 0));
  let at = 0;
  for (const part of parts) {
    images.set(part.images, at);
    at += part.images.length;
  }
  return imageSet({ images, labels: parts.flatMap((part) => part.labels), classes, shape });
}
