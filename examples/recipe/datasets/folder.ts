import { existsSync } from "node:fs";
import { readFile, readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { imageSet, type ImageSet } from "cfd-distill/data";
import sharp from "sharp";
import { progress } from "../terminal/progress.js";
import { subset, type Data } from "../../../tools/image-sets.js";
import { codeOf, messageOf } from "../../../tools/words.js";

/** Decoded side by side: more than sharp has threads for would only take memory. */
const AT_ONCE = 16;

/**
 * What systems and tools leave in folders of pictures, in any case of letters; names that begin with a dot are passed
 * over as well (.DS_Store, ._cat.png, .git).
 */
export const PASSED_OVER: readonly string[] = [
  ...["thumbs.db", "thumbs.db:encryptable", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir"],
  ...[
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "metadata.jsonl",
    "metadata.csv",
    "metadata.parquet",
  ],
];

/** One file and the index of its class. */
interface Picture {
  readonly path: string;
  readonly label: number;
}

/**
 * Anybody's pictures, PNG, JPEG or WebP: one class per subfolder, in the order of their names, or one class in all where
 * there are no subfolders. Each is cropped to its middle square and resized; transparent parts become white. What
 * {@link PASSED_OVER} lists is passed over. The order, and so every batch, depends on the names alone.
 *
 * @param directory the folder
 * @param options `size`: height and width of the images in pixels
 * @returns byte images; every tenth of each class is for testing, the last of a class of fewer than ten
 * @throws (rejects) if the folder does not exist or mixes pictures with subfolders, a class has fewer than two pictures,
 *   or a file is no such picture or an animation, is damaged (a JPEG has no checksum: not all damage shows) or smaller
 *   than `size`; if `size` is no positive integer; if a name is a link to nothing or in a loop, a pipe, a socket or a device
 */
export async function loadFolder(directory: string, options: { readonly size: number }): Promise<Data> {
  const { size } = options;
  if (!Number.isInteger(size) || size < 1)
    throw new Error(`loadFolder: expected size to be a positive integer, got ${size}.`);
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

/** The classes of a folder's pictures, none of which is opened; undefined where there is no such folder yet. */
export async function classesOf(directory: string): Promise<readonly string[] | undefined> {
  if (!existsSync(directory)) return undefined;
  return (await findPictures(directory)).classes;
}

/** What a folder holds, links followed, in an order that is the same on every file system. */
async function list(directory: string): Promise<{ folders: string[]; files: string[] }> {
  const names = await readdir(directory).catch((error: unknown) => {
    const got = codeOf(error) === "ENOENT" ? "none" : (error as Error).message;
    throw new Error(`loadFolder: expected a folder of pictures at ${directory}, got ${got}.`, {
      cause: error,
    });
  });
  const folders: string[] = [];
  const files: string[] = [];
  for (const name of names.filter((entry) => !isPassedOver(entry)).sort(byName)) {
    const kind = await kindOf(join(directory, name));
    if (kind !== "folder" && kind !== "file") {
      throw new Error(
        `loadFolder: expected ${join(directory, name)} to be a picture or a folder, got ${kind}.`,
      );
    }
    (kind === "folder" ? folders : files).push(name);
  }
  return { folders, files };
}

function isPassedOver(name: string): boolean {
  return name.startsWith(".") || PASSED_OVER.includes(name.toLowerCase());
}

/** What is behind a name, in words; opening a pipe or a device could take for ever. */
async function kindOf(path: string): Promise<string> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return "folder";
    if (found.isFile()) return "file";
    return found.isFIFO() ? "a pipe" : found.isSocket() ? "a socket" : "a device";
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "a link to nothing";
    return codeOf(error) === "ELOOP" ? "a loop of links" : (error as Error).message;
  }
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
  const format = formatOf(bytes);
  if (!["PNG", "JPEG", "WebP"].includes(format)) {
    throw new Error(`loadFolder: expected ${path} to be a PNG, a JPEG or a WebP, got ${format}.`);
  }
  try {
    const picture = sharp(bytes, { failOn: "warning" });
    const { width, height, pages = 1 } = await picture.metadata();
    if (pages > 1) throw new Error(`an animation of ${pages} pictures`);
    if (Math.min(width, height) < size) throw new Error(`${width}x${height} pixels`);
    return await picture
      .autoOrient()
      .flatten({ background: "white" })
      .resize(size, size, { fit: "cover" })
      .raw()
      .toBuffer();
  } catch (error) {
    const problem = messageOf(error).split("\n")[0]!;
    throw new Error(
      `loadFolder: expected ${path} to be a sound picture of at least ${size}x${size} pixels, got ${problem}.`,
      { cause: error },
    );
  }
}

/** What files begin with, dots standing for any byte; the first that fits. */
const BEGINNINGS: readonly (readonly [RegExp, string])[] = [
  [/^\x89PNG\r\n\x1a\n/, "PNG"],
  [/^\xff\xd8\xff/, "JPEG"],
  [/^RIFF....WEBP/s, "WebP"],
  [/^GIF8/, "a GIF"],
  [/^BM/, "a BMP"],
  [/^(II\*\0|MM\0\*)/, "a TIFF"],
  [/^....ftyp(avif|heic|mif1)/s, "an AVIF or HEIC"],
  [/^version https:\/\/git-lfs/, "a pointer of Git LFS: run git lfs pull"],
  [/^\s*(<!doctype html|<html)/i, "a page of HTML"],
  [/^$/, "an empty file"],
];

/** What a file is by its first bytes, whatever its name says. */
function formatOf(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 64)).toString("latin1");
  return BEGINNINGS.find(([form]) => form.test(start))?.[1] ?? `${bytes.length} bytes of something else`;
}

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
