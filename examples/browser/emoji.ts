import sheetUrl from "../assets/emoji-24.json?url";
import pictureUrl from "../assets/emoji-24.png?url";
import type { ImageSet } from "cfd-distill";
import { cutSheet, splitTenth, type Sheet } from "../recipe/sheet.js";

/** The pictures that the quickstart trains on. */
export async function loadEmoji(): Promise<ImageSet> {
  const [sheet, picture] = await Promise.all([load(sheetUrl), load(pictureUrl)]);
  const bitmap = await createImageBitmap(await picture.blob(), { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  const data = new Uint8Array(context.getImageData(0, 0, width, height).data.buffer);
  return splitTenth(cutSheet({ width, height, data }, (await sheet.json()) as Sheet, "groups")).train;
}

async function load(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok)
    throw new Error(`The pictures could not be loaded: the server answered ${response.status}.`);
  return response;
}
