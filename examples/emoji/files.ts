// The emoji and the models that ship in examples/assets, from Node.
import { readFileSync } from "node:fs";
import { PNG } from "pngjs";
import { splitTenth, type Data } from "../../tools/image-sets.js";
import { didYouMean } from "../../tools/did-you-mean.js";
import type { Manifest } from "./manifest.js";
import { cutSprites, type SpriteSheet, type EmojiClasses } from "./sprite-sheet.js";

const assets = new URL("../assets/", import.meta.url);

/** The folder of the emoji models. */
export const EMOJI_MODELS = new URL("models/", assets);

export function readManifest(): Manifest {
  return JSON.parse(readFileSync(new URL("manifest.json", EMOJI_MODELS), "utf8")) as Manifest;
}

/** The emoji that they were trained on, and those that they were not. */
export function loadShippedEmoji(): Data {
  const { classes, groups } = readManifest().dataset;
  return loadEmoji(classes, groups);
}

/** Google's Noto emoji, 24x24, labelled with Unicode's groups or kinds. Every tenth image is kept for testing. */
export function loadEmoji(classes: EmojiClasses = "groups", groups?: readonly string[]): Data {
  const sheet = JSON.parse(readFileSync(new URL("emoji-24.json", assets), "utf8")) as SpriteSheet;
  const known = sheet.groups.map(({ name }) => name);
  const stray = groups?.find((name) => !known.includes(name));
  if (stray !== undefined) {
    throw new Error(`groups: expected some of ${known.join(", ")}, got ${stray}${didYouMean(stray, known)}.`);
  }
  const png = PNG.sync.read(readFileSync(new URL("emoji-24.png", assets)));
  return splitTenth(cutSprites(png, sheet, classes, groups));
}
