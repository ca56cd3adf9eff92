// The emoji as one picture cut into tiles: for Node, which reads it with pngjs, and for a page, which does so itself.
import { imageSet, type ImageSet } from "cfd-distill/data";

/** How the picture is laid out: emoji-24.json. */
export interface SpriteSheet {
  readonly tile: number;
  readonly columns: number;
  /** Unicode's groups ("Animals & Nature") and the kinds in each ("animal-bird"). */
  readonly groups: readonly {
    readonly name: string;
    readonly kinds: readonly { readonly name: string; readonly count: number }[];
  }[];
}

/** What an image's class is: one of Unicode's nine groups, or one of its 98 kinds. */
export type EmojiClasses = "groups" | "kinds";

/**
 * Cuts the sheet into its tiles, dropping the alpha channel that readers of PNG add.
 *
 * @param groups only the tiles of these; all of them if undefined
 */
export function cutSprites(
  png: { width: number; height: number; data: Uint8Array },
  sheet: SpriteSheet,
  classes: EmojiClasses,
  groups?: readonly string[],
): ImageSet {
  const { tile, columns } = sheet;
  const all = classesOf(sheet, classes);
  const total = all.reduce((sum, { count }) => sum + count, 0);
  const [width, height] = [columns * tile, Math.ceil(total / columns) * tile];
  if (png.width !== width || png.height !== height) {
    throw new Error(
      `loadEmoji: expected a sheet of ${width}x${height} pixels, got ${png.width}x${png.height}.`,
    );
  }
  const parts = all.filter(({ group }) => groups?.includes(group) ?? true);
  const labels = parts.flatMap(({ count }, label) => Array<number>(count).fill(label));
  const images = new Uint8Array(labels.length * tile * tile * 3);
  let filled = 0;
  for (const at of parts.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i))) {
    const [left, top] = [(at % columns) * tile, Math.floor(at / columns) * tile];
    for (let y = 0; y < tile; y++) {
      for (let x = 0; x < tile; x++) {
        const pixel = ((top + y) * width + left + x) * 4;
        images.set(png.data.subarray(pixel, pixel + 3), filled);
        filled += 3;
      }
    }
  }
  return imageSet({ images, labels, classes: parts.map(({ name }) => name), shape: [tile, tile, 3] });
}

/** A class, the group that it is in, and where its tiles are. */
interface Part {
  readonly name: string;
  readonly group: string;
  readonly first: number;
  readonly count: number;
}

function classesOf({ groups }: SpriteSheet, classes: EmojiClasses): Part[] {
  const parts: Part[] = [];
  let first = 0;
  for (const { name: group, kinds } of groups) {
    const whole = { name: group, count: kinds.reduce((sum, { count }) => sum + count, 0) };
    for (const { name, count } of classes === "kinds" ? kinds : [whole]) {
      parts.push({ name, group, first, count });
      first += count;
    }
  }
  return parts;
}
