import { readFileSync } from "node:fs";
import { readCifar10 } from "cfd-distill/node";
import { PNG } from "pngjs";
import { cutSheet, splitTenth, type Data, type Sheet } from "./sheet.js";

/**
 * Google's Noto emoji, 24x24, labelled with Unicode's nine groups. Every tenth image is kept for testing.
 * The 1,875 skin-tone variants in the sheet are left out unless asked for: near copies of a hundred figures, they
 * would be half of the training data.
 */
export function loadEmoji(options: { readonly skinTones?: boolean } = {}): Data {
  const assets = new URL("../assets/", import.meta.url);
  const sheet = JSON.parse(readFileSync(new URL("emoji-24.json", assets), "utf8")) as Sheet;
  const png = PNG.sync.read(readFileSync(new URL("emoji-24.png", assets)));
  return splitTenth(cutSheet(png, sheet, options.skinTones ?? false));
}

/** CIFAR-10's official split, from the binary files in `directory`. */
export async function loadCifar10(directory: string): Promise<Data> {
  return { train: await readCifar10(directory, "train"), test: await readCifar10(directory, "test") };
}
