import { readFile, readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { imageSet, type ImageSet } from "cfd-distill";
import sharp from "sharp";
import { progress } from "../progress.js";
import { subset, type Data } from "../sheet.js";

/** Decoded side by side: more than sharp has threads for would only take memory. */
const AT_ONCE = 16;

/** One file and the index of its class. */
interface Picture {
  readonly path: string;
  readonly label: number;
}

/**
 * Anybody's pictures, PNG or JPEG: one class per subfolder, in the order of their names, or one class in all where
 * there are no subfolders. Each is cropped to its middle square and resized; transparent parts become white. Names that
 * begin with a dot are passed over. The order, and so every batch, depends on the names alone.
 *
 * @param directory the folder
 * @param options `size`: height and width of the images in pixels
 * @returns byte images; every tenth of each class is for testing, the last of a class of fewer than ten
 * @throws (rejects) if the folder does not exist or mixes pictures with subfolders, a class has fewer than two pictures,
 *   or a file is no PNG or JPEG, is damaged (a JPEG has no checksum: not all damage shows) or smaller than `size`
 */
export async function loadFolder(directory: string, { size }: { readonly size: number }): Promise<Data> {
  const { classes, pictures } = await findPictures(directory);
  const bytes = size * size * 3;
  const images = new Uint8Array(pictures.length * bytes);
  const bar = progress("pictures", pictures.length, 0);
  try {
    for (let start = 0; start < pictures.length; start += AT_ONCE) {
      const some = pictures.slice(start, start + AT_ONCE);
      const decoded = await Promise.all(some.map(({ path }) => decode(path, size)));
      decoded.forEach((image, i) => {
        images.set(image, (start + i) * bytes);
      });
      bar.update(start + some.length, "");
    }
  } finally {
    bar.stop();
  }
  const labels = pictures.map(({ label }) => label);
  return splitClasses(imageSet({ images, labels, classes, shape: [size, size, 3] }));
}

async function findPictures(directory: string): Promise<{ classes: string[]; pictures: Picture[] }> {
  const { folders, files } = await list(directory);
  if (folders.length > 0 && files.length > 0) {
    throw new Error(
      `loadFolder: expected ${directory} to hold either pictures or one folder per class, got ${files[0]!} beside ${folders[0]!}.`,
    );
  }
  if (folders.length === 0) {
    const pictures = atLeastTwo(directory, files).map((name) => ({ path: join(directory, name), label: 0 }));
    return { classes: [basename(resolve(directory))], pictures };
  }
  const pictures: Picture[] = [];
  for (const [label, name] of folders.entries()) {
    const folder = join(directory, name);
    const inside = await list(folder);
    if (inside.folders.length > 0) {
      throw new Error(
        `loadFolder: expected nothing but pictures in ${folder}, got the folder ${inside.folders[0]!}.`,
      );
    }
    pictures.push(...atLeastTwo(folder, inside.files).map((file) => ({ path: join(folder, file), label })));
  }
  return { classes: folders, pictures };
}

/** What a folder holds, links followed, in an order that is the same on every file system. */
async function list(directory: string): Promise<{ folders: string[]; files: string[] }> {
  const names = await readdir(directory).catch((error: unknown) => {
    throw new Error(`loadFolder: expected a folder of pictures at ${directory}, got none.`, { cause: error });
  });
  const folders: string[] = [];
  const files: string[] = [];
  for (const name of names.filter((entry) => !entry.startsWith(".")).sort(byName)) {
    ((await stat(join(directory, name))).isDirectory() ? folders : files).push(name);
  }
  return { folders, files };
}

/** By code units of the composed form: some file systems store "é" as two characters, others as one. */
function byName(a: string, b: string): number {
  const [left, right] = [a.normalize(), b.normalize()];
  return left < right ? -1 : Number(left > right);
}

/** One to train with and one to test with. */
function atLeastTwo(folder: string, files: string[]): string[] {
  if (files.length >= 2) return files;
  throw new Error(`loadFolder: expected at least two pictures in ${folder}, got ${files.length}.`);
}

async function decode(path: string, size: number): Promise<Uint8Array> {
  const bytes = await readFile(path);
  if (!isPng(bytes) && !isJpeg(bytes)) {
    throw new Error(
      `loadFolder: expected ${path} to be a PNG or a JPEG, got ${bytes.length} bytes of something else.`,
    );
  }
  try {
    const picture = sharp(bytes, { failOn: "warning" });
    const { width, height } = await picture.metadata();
    if (Math.min(width, height) < size) throw new Error(`${width}x${height} pixels`);
    return await picture
      .autoOrient()
      .flatten({ background: "white" })
      .resize(size, size, { fit: "cover" })
      .raw()
      .toBuffer();
  } catch (error) {
    const problem = (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
    throw new Error(
      `loadFolder: expected ${path} to be a sound picture of at least ${size}x${size} pixels, got ${problem}.`,
      { cause: error },
    );
  }
}

const isPng = (bytes: Uint8Array) =>
  Buffer.from(bytes.subarray(0, 8)).equals(Buffer.from("\x89PNG\r\n\x1a\n", "latin1"));
const isJpeg = (bytes: Uint8Array) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/** Every tenth image of each class for testing, of a smaller class the last. */
function splitClasses(set: ImageSet): Data {
  const counts = set.classes.map((_, label) => set.labels.filter((other) => other === label).length);
  const seen = set.classes.map(() => 0);
  const held = set.labels.map((label) => {
    const position = seen[label]!++;
    return counts[label]! < 10 ? position === counts[label]! - 1 : position % 10 === 9;
  });
  const where = (wanted: boolean) => held.flatMap((is, i) => (is === wanted ? [i] : []));
  return { train: subset(set, where(false)), test: subset(set, where(true)) };
}
