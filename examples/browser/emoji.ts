import type { ImageSet } from "cfd-distill/data";
import { cutSprites, type SpriteSheet } from "../emoji/sprite-sheet.js";
import { splitTenth } from "../../tools/image-sets.js";

/**
 * The pictures that the models were trained on.
 *
 * @param base the page's address, which a worker has to be told
 */
export async function loadEmoji(base: string): Promise<ImageSet> {
  const files = ["emoji.json", "emoji.png"].map((name) => load(new URL(name, base)));
  const [sheet, picture] = (await Promise.all(files)) as [Response, Response];
  const bitmap = await createImageBitmap(await picture.blob(), { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  const data = new Uint8Array(context.getImageData(0, 0, width, height).data.buffer);
  return splitTenth(cutSprites({ width, height, data }, (await sheet.json()) as SpriteSheet)).train;
}

async function load(url: URL): Promise<Response> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new Error("The emoji to learn from could not be fetched. Are you online?", { cause });
  });
  if (!response.ok) {
    throw new Error(`The emoji to learn from are missing on this site (it answered ${response.status}).`);
  }
  return response;
}
