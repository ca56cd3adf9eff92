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
  /** Unicode's groups ("Animals & Nature") and the kinds in each ("animal-bird"). */
  readonly groups: readonly {
    readonly name: string;
    readonly kinds: readonly { readonly name: string; readonly count: number }[];
  }[];
}

/** What an image's class is: one of Unicode's nine groups, or one of its 98 kinds. */
export type SheetClasses = "groups" | "kinds";

/** Cuts the sheet into its tiles, dropping the alpha channel that readers of PNG add. */
export function cutSheet(
  png: { width: number; height: number; data: Uint8Array },
  sheet: Sheet,
  classes: SheetClasses,
): ImageSet {
  const { tile, columns } = sheet;
  const parts = classesOf(sheet, classes);
  const labels = parts.flatMap(({ count }, label) => Array<number>(count).fill(label));
  const [width, height] = [columns * tile, Math.ceil(labels.length / columns) * tile];
  if (png.width !== width || png.height !== height) {
    throw new Error(
      `loadEmoji: expected a sheet of ${width}x${height} pixels, got ${png.width}x${png.height}.`,
    );
  }
  const images = new Uint8Array(labels.length * tile * tile * 3);
  let filled = 0;
  for (let i = 0; i < labels.length; i++) {
    const [left, top] = [(i % columns) * tile, Math.floor(i / columns) * tile];
    for (let y = 0; y < tile; y++) {
      for (let x = 0; x < tile; x++) {
        const at = ((top + y) * width + left + x) * 4;
        images.set(png.data.subarray(at, at + 3), filled);
        filled += 3;
      }
    }
  }
  return imageSet({ images, labels, classes: parts.map(({ name }) => name), shape: [tile, tile, 3] });
}

function classesOf({ groups }: Sheet, classes: SheetClasses): { name: string; count: number }[] {
  if (classes === "kinds") return groups.flatMap(({ kinds }) => kinds);
  return groups.map(({ name, kinds }) => ({ name, count: kinds.reduce((sum, { count }) => sum + count, 0) }));
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
