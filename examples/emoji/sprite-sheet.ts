// The emoji as one picture cut into tiles: for Node, which reads it with pngjs, and for a page, which does so itself.
import { imageSet, type ImageSet } from "cfd-distill/data";

/** How the picture is laid out: emoji.json. */
export interface SpriteSheet {
  readonly tile: number;
  readonly columns: number;
  /** What the tiles show, class after class. */
  readonly classes: readonly { readonly name: string; readonly count: number }[];
}

/** Cuts the sheet into its tiles, dropping the alpha channel that readers of PNG add. */
export function cutSprites(
  png: { width: number; height: number; data: Uint8Array },
  { tile, columns, classes }: SpriteSheet,
): ImageSet {
  const total = classes.reduce((sum, { count }) => sum + count, 0);
  const [width, height] = [columns * tile, Math.ceil(total / columns) * tile];
  if (png.width !== width || png.height !== height) {
    throw new Error(
      `loadEmoji: expected a sheet of ${width}x${height} pixels, got ${png.width}x${png.height}.`,
    );
  }
  const labels = classes.flatMap(({ count }, label) => Array<number>(count).fill(label));
  const images = new Uint8Array(labels.length * tile * tile * 3);
  let filled = 0;
  for (const at of labels.keys()) {
    const [left, top] = [(at % columns) * tile, Math.floor(at / columns) * tile];
    for (let y = 0; y < tile; y++) {
      for (let x = 0; x < tile; x++) {
        const pixel = ((top + y) * width + left + x) * 4;
        images.set(png.data.subarray(pixel, pixel + 3), filled);
        filled += 3;
      }
    }
  }
  return imageSet({ images, labels, classes: classes.map(({ name }) => name), shape: [tile, tile, 3] });
}
