// The emoji and the models that ship in examples/assets, from Node.
import { readFileSync } from "node:fs";
import { PNG } from "pngjs";
import { splitTenth, type Data } from "../../tools/image-sets.js";
import type { Manifest } from "./manifest.js";
import { cutSprites, type SpriteSheet } from "./sprite-sheet.js";

const assets = new URL("../assets/", import.meta.url);

/** The folder of the emoji models. */
export const EMOJI_MODELS = new URL("models/", assets);

export function readManifest(): Manifest {
  return JSON.parse(readFileSync(new URL("manifest.json", EMOJI_MODELS), "utf8")) as Manifest;
}

/** Google's Noto emoji, 28x28, in classes that one word names. Every tenth image is kept for testing. */
export function loadEmoji(): Data {
  const sheet = JSON.parse(readFileSync(new URL("emoji.json", assets), "utf8")) as SpriteSheet;
  const png = PNG.sync.read(readFileSync(new URL("emoji.png", assets)));
  return splitTenth(cutSprites(png, sheet));
}
