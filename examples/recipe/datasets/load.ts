import { readFileSync } from "node:fs";
import { readCifar10 } from "cfd-distill/node";
import { PNG } from "pngjs";
import { didYouMean } from "../config/names.js";
import { cutSheet, splitTenth, type Data, type Sheet, type SheetClasses } from "./emoji-sheet.js";

/** Google's Noto emoji, 24x24, labelled with Unicode's groups or kinds. Every tenth image is kept for testing. */
export function loadEmoji(classes: SheetClasses = "groups", groups?: readonly string[]): Data {
  const assets = new URL("../../assets/", import.meta.url);
  const sheet = JSON.parse(readFileSync(new URL("emoji-24.json", assets), "utf8")) as Sheet;
  const known = sheet.groups.map(({ name }) => name);
  const stray = groups?.find((name) => !known.includes(name));
  if (stray !== undefined) {
    throw new Error(`groups: expected some of ${known.join(", ")}, got ${stray}${didYouMean(stray, known)}.`);
  }
  const png = PNG.sync.read(readFileSync(new URL("emoji-24.png", assets)));
  return splitTenth(cutSheet(png, sheet, classes, groups));
}

/** CIFAR-10's official split, from the binary files in `directory`. */
export async function loadCifar10(directory: string): Promise<Data> {
  return { train: await readCifar10(directory, "train"), test: await readCifar10(directory, "test") };
}
