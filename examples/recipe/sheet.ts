// The emoji as one picture cut into tiles: for Node, which reads it with pngjs, and for a page, which does so itself.
import { imageSet, type ImageSet } from "cfd-distill";

/** Training images and images no network was trained on. */
export interface Data {
  readonly train: ImageSet;
  readonly test: ImageSet;
}

/** How the picture is laid out: emoji-24.json. */
export interface Sheet {
  readonly tile: number;
  readonly columns: number;
  readonly groups: readonly { readonly name: string; readonly plain: number; readonly toned: number }[];
}

/** Cuts the sheet into its tiles, dropping the alpha channel that readers of PNG add. */
export function cutSheet(
  png: { width: number; height: number; data: Uint8Array },
  sheet: Sheet,
  skinTones: boolean,
): ImageSet {
  const { tile, columns, groups } = sheet;
  const total = groups.reduce((sum, group) => sum + group.plain + group.toned, 0);
  const [width, height] = [columns * tile, Math.ceil(total / columns) * tile];
  if (png.width !== width || png.height !== height) {
    throw new Error(
      `loadEmoji: expected a sheet of ${width}x${height} pixels, got ${png.width}x${png.height}.`,
    );
  }
  const used = groups.map((group) => group.plain + (skinTones ? group.toned : 0));
  const images = new Uint8Array(used.reduce((sum, count) => sum + count, 0) * tile * tile * 3);
  const labels: number[] = [];
  let position = 0;
  let filled = 0;
  groups.forEach((group, label) => {
    for (let i = 0; i < used[label]!; i++) {
      const left = ((position + i) % columns) * tile;
      const top = Math.floor((position + i) / columns) * tile;
      for (let y = 0; y < tile; y++) {
        for (let x = 0; x < tile; x++) {
          const at = ((top + y) * width + left + x) * 4;
          images.set(png.data.subarray(at, at + 3), filled);
          filled += 3;
        }
      }
      labels.push(label);
    }
    position += group.plain + group.toned;
  });
  const classes = groups.map((group) => group.name);
  return imageSet({ images, labels, classes, shape: [tile, tile, 3] });
}

/** Every tenth image for testing, so that each group is in both parts. */
export function splitTenth(set: ImageSet): Data {
  const indices = set.labels.map((_, i) => i);
  return {
    train: subset(
      set,
      indices.filter((i) => i % 10 !== 9),
    ),
    test: subset(
      set,
      indices.filter((i) => i % 10 === 9),
    ),
  };
}

/** The images at `indices`. */
export function subset(set: ImageSet, indices: readonly number[]): ImageSet {
  const size = set.shape[0] * set.shape[1] * set.shape[2];
  const images = new Uint8Array(indices.length * size);
  indices.forEach((index, i) => {
    images.set(set.images.subarray(index * size, (index + 1) * size), i * size);
  });
  return imageSet({ ...set, images, labels: indices.map((index) => set.labels[index]!) });
}
