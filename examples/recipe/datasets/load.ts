import { readCifar10 } from "cfd-distill/node";
import { type Data } from "../../../tools/image-sets.js";

/** CIFAR-10's official split, from the binary files in `directory`. */
export async function loadCifar10(directory: string): Promise<Data> {
  return { train: await readCifar10(directory, "train"), test: await readCifar10(directory, "test") };
}
