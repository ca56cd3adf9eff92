import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createRng } from "cfd-distill";
import sharp, { type Sharp } from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadFolder, PASSED_OVER } from "../../datasets/folder.js";

let directory: string;
beforeEach(async () => {
  vi.spyOn(console, "log").mockReturnValue(undefined);
  directory = await mkdtemp(join(tmpdir(), "cfd-pictures-"));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true, force: true });
});

type Colour = readonly [number, number, number];

/** Pixels from a function of the place, as a picture that sharp can write. */
function drawn(width: number, height: number, colourAt: (x: number, y: number) => readonly number[]) {
  const values = Array.from({ length: width * height }, (_, i) => colourAt(i % width, Math.floor(i / width)));
  const channels = values[0]!.length as 1 | 3 | 4;
  return sharp(Buffer.from(values.flat()), { raw: { width, height, channels } });
}
const plain = (colour: readonly number[], width = 8, height = 8) => drawn(width, height, () => colour);
const noisy = (side: number) => {
  const rng = createRng(1);
  return drawn(side, side, () => [rng.integer(256), rng.integer(256), rng.integer(256)]);
};

async function put(files: Record<string, Buffer | Sharp>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(
      join(directory, name),
      Buffer.isBuffer(content) ? content : await content.png().toBuffer(),
    );
  }
}

/** The first pixel of every image. */
function corners({ images, labels }: { images: Uint8Array | Float32Array; labels: readonly number[] }) {
  const size = images.length / labels.length;
  return labels.map((_, i) => [...images.subarray(i * size, i * size + 3)]);
}

/** Loads one picture by giving it a plain companion; returns its pixels. */
async function load(picture: Buffer | Sharp, size: number): Promise<Uint8Array> {
  await put({ "a.png": picture, "b.png": plain([0, 0, 0], size, size) });
  const { train } = await loadFolder(directory, { size });
  return train.images as Uint8Array;
}

describe("loadFolder's order", () => {
  it("takes subfolders and files by name, and holds out every tenth of a class, the last of a small one", async () => {
    const greys = Array.from({ length: 21 }, (_, i) => i * 10);
    const many = greys.map((grey, i) => [`b/${String(i).padStart(2, "0")}.png`, plain([grey, grey, grey])]);
    const few = [200, 100, 50].map((red, i) => [`Z/${3 - i}.png`, plain([red, 0, 0])]);
    await put(Object.fromEntries([...many, ...few]) as Record<string, Sharp>);
    await put({ "b/.DS_Store": Buffer.from("x") });
    const { train, test } = await loadFolder(directory, { size: 4 });
    expect(train.classes).toEqual(["Z", "b"]);
    expect(train.shape).toEqual([4, 4, 3]);
    expect(train.images).toBeInstanceOf(Uint8Array);
    expect(test.labels).toEqual([0, 1, 1]);
    expect(corners(test)).toEqual([
      [200, 0, 0],
      [90, 90, 90],
      [190, 190, 190],
    ]);
    expect(corners(train).slice(0, 4)).toEqual([
      [50, 0, 0],
      [100, 0, 0],
      [0, 0, 0],
      [10, 10, 10],
    ]);
    expect(train.labels).toEqual([0, 0, ...Array<number>(19).fill(1)]);
  });

  it("passes over what systems and tools leave, in any case and anywhere", async () => {
    const good = { "cats/a.png": plain([1, 2, 3]), "cats/b.png": plain([4, 5, 6]) };
    const left = [
      ...PASSED_OVER,
      "Thumbs.db",
      "DESKTOP.INI",
      ".DS_Store",
      "._a.png",
      ".git/x.png",
      "__MACOSX/cats/._a.png",
    ];
    for (const name of left)
      await put({ [name]: Buffer.from("x"), [`cats/${name}`]: Buffer.from("x") }).catch(() => 0);
    expect(PASSED_OVER.every((name) => name === name.toLowerCase())).toBe(true);
    await put(good);
    const { train, test } = await loadFolder(directory, { size: 8 });
    expect([train.classes, corners(train), corners(test)]).toEqual([["cats"], [[1, 2, 3]], [[4, 5, 6]]]);
  });

  it("makes a flat folder one class, and follows links", async () => {
    await put({ "flat/a.png": plain([1, 2, 3]), "elsewhere/b.png": plain([4, 5, 6]) });
    await symlink(join(directory, "elsewhere/b.png"), join(directory, "flat/b.png"));
    const { train, test } = await loadFolder(join(directory, "flat"), { size: 8 });
    expect([train.classes, train.labels, test.labels]).toEqual([["flat"], [0], [0]]);
    expect([corners(train), corners(test)]).toEqual([[[1, 2, 3]], [[4, 5, 6]]]);
  });

  it("sorts composed and decomposed letters alike", async () => {
    await put({ "é/1.png": plain([1, 1, 1]), "é/2.png": plain([1, 1, 1]) });
    await put({ "e\u0301a/1.png": plain([2, 2, 2]), "e\u0301a/2.png": plain([2, 2, 2]) });
    const { train } = await loadFolder(directory, { size: 8 });
    expect(train.classes.map((name) => name.normalize())).toEqual(["é", "éa"]);
  });
});

describe("loadFolder's pixels", () => {
  const red: Colour = [200, 10, 20];
  const blue: Colour = [10, 20, 200];

  it("are those of a picture that has the size already", async () => {
    const picture = noisy(8);
    expect([...(await load(picture, 8))]).toEqual([...(await picture.clone().raw().toBuffer())]);
  });

  it("come from the middle square, wide or high", async () => {
    const middle = (at: number, length: number) =>
      at >= (length - 8) / 2 && at < (length + 8) / 2 ? red : blue;
    for (const picture of [drawn(24, 8, (x) => middle(x, 24)), drawn(8, 20, (_, y) => middle(y, 20))]) {
      expect(
        new Set(corners({ images: await load(picture, 8), labels: Array<number>(64).fill(0) }).map(String)),
      ).toEqual(new Set([String(red)]));
    }
  });

  it("are averaged, not picked, when a picture shrinks", async () => {
    const board = drawn(32, 32, (x, y) => ((x + y) % 2 === 0 ? [255, 255, 255] : [0, 0, 0]));
    for (const value of await load(board, 4)) expect(Math.abs(value - 127.5)).toBeLessThan(3);
  });

  it("are white where a picture is transparent", async () => {
    const half = drawn(8, 8, (x) => [200, 10, 20, x < 4 ? 0 : 128]);
    const image = await load(half, 8);
    expect([...image.subarray(0, 3)]).toEqual([255, 255, 255]);
    // 255 + (200 - 255) 128/255 = 227.4, 255 + (10 - 255) 128/255 = 132.0, 137.0
    [227.4, 132, 137].forEach((value, c) => {
      expect(Math.abs(image[7 * 3 + c]! - value)).toBeLessThanOrEqual(1);
    });
  });

  it("are RGB bytes whatever the file holds", async () => {
    const forms: [string, Buffer, Colour, number][] = [
      [
        "grey",
        await drawn(8, 8, () => [90])
          .toColourspace("b-w")
          .png()
          .toBuffer(),
        [90, 90, 90],
        0,
      ],
      ["16 bits", await plain(red).toColourspace("rgb16").png().toBuffer(), red, 1],
      ["palette", await plain(red).png({ palette: true }).toBuffer(), red, 1],
      ["JPEG", await plain(red).jpeg({ quality: 100 }).toBuffer(), red, 2],
      ["WebP", await plain(red).webp({ quality: 100, lossless: true }).toBuffer(), red, 1],
      ["WebP with losses", await plain(red).webp({ quality: 100 }).toBuffer(), red, 4],
      [
        "WebP with alpha",
        await plain([...red, 255])
          .webp({ lossless: true })
          .toBuffer(),
        red,
        1,
      ],
      ["progressive JPEG", await plain(red).jpeg({ quality: 100, progressive: true }).toBuffer(), red, 2],
    ];
    for (const [name, bytes, expected, tolerance] of forms) {
      const image = await load(bytes, 8);
      expect(image).toHaveLength(8 * 8 * 3);
      expected.forEach((value, c) => {
        expect(Math.abs(image[c]! - value), name).toBeLessThanOrEqual(tolerance);
      });
    }
  });

  it("stand upright as the camera noted", async () => {
    const lying = drawn(16, 16, (x) => (x < 8 ? red : blue)).jpeg({
      quality: 100,
      chromaSubsampling: "4:4:4",
    });
    const image = await load(await lying.withMetadata({ orientation: 6 }).toBuffer(), 16); // turned clockwise
    const pixel = (x: number, y: number) => image[(y * 16 + x) * 3]!;
    expect([pixel(2, 2), pixel(13, 2)].every((value) => value > 190)).toBe(true);
    expect([pixel(2, 13), pixel(13, 13)].every((value) => value < 20)).toBe(true);
  });
});

describe("loadFolder refuses", () => {
  const refusal = (options = { size: 8 }) => loadFolder(directory, options);
  const good = { "a.png": plain([0, 0, 0]), "b.png": plain([0, 0, 0]) };

  it("what is no PNG, JPEG or WebP, naming it and what it is", async () => {
    const others: [Buffer | string, string][] = [
      ["", "an empty file"],
      ["GIF89a...", "a GIF"],
      ["BM......", "a BMP"],
      [await plain([0, 0, 0]).tiff().toBuffer(), "a TIFF"],
      [await plain([0, 0, 0]).avif().toBuffer(), "an AVIF or HEIC"],
      ["version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS: run git lfs pull"],
      ["\n<!DOCTYPE html><html>", "a page of HTML"],
      ["RIFF....WAVE", "12 bytes of something else"],
      ["hello", "5 bytes of something else"],
    ];
    for (const [content, name] of others) {
      await put({ ...good, "c.png": Buffer.from(content) });
      await expect(refusal()).rejects.toThrow(
        `loadFolder: expected ${join(directory, "c.png")} to be a PNG, a JPEG or a WebP, got ${name}.`,
      );
    }
  });

  it("an animation, of which only the first picture would be taken", async () => {
    const frames = drawn(8, 16, (_, y) => (y < 8 ? [1, 2, 3] : [4, 5, 6]));
    const raw = await frames.raw().toBuffer();
    const animated = sharp(raw, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } });
    await put({ ...good, "c.webp": await animated.webp({ lossless: true }).toBuffer() });
    await expect(refusal()).rejects.toThrow(/c\.webp to be .*, got an animation of 2 pictures\.$/);
  });

  it.skipIf(process.platform === "win32")(
    "what is no file behind its name: links to nothing or in a loop, pipes, sockets, devices",
    { timeout: 10_000 },
    async () => {
      const cases: [string, (path: string) => unknown][] = [
        ["a link to nothing", (path) => symlink(join(directory, "nowhere"), path)],
        ["a loop of links", (path) => symlink(path, path)],
        ["a pipe", (path) => execFileSync("mkfifo", [path])],
        ["a device", (path) => symlink("/dev/zero", path)],
        ["a device", (path) => symlink("/dev/null", path)],
      ];
      for (const inside of ["", "cats"]) {
        for (const [name, make] of cases) {
          await rm(directory, { recursive: true });
          const folder = join(directory, inside);
          await mkdir(folder, { recursive: true });
          await writeFile(join(folder, "a.png"), await plain([0, 0, 0]).png().toBuffer());
          const path = join(folder, "b.png");
          await make(path);
          await expect(refusal()).rejects.toThrow(
            `loadFolder: expected ${path} to be a picture or a folder, got ${name}.`,
          );
        }
      }
      await rm(join(directory, "cats", "b.png"));
      const server = createServer().listen(join(directory, "cats", "s.png"));
      await once(server, "listening");
      await expect(refusal()).rejects.toThrow("s.png to be a picture or a folder, got a socket.");
      server.close();
      await expect(loadFolder(join(directory, "cats", "a.png"), { size: 8 })).rejects.toThrow(
        /expected a folder of pictures at .*a\.png, got ENOTDIR/,
      );
    },
  );

  it("folders that are links in a circle, without walking round it", async () => {
    await put({ "cats/a.png": plain([0, 0, 0]), "cats/b.png": plain([0, 0, 0]) });
    await symlink(directory, join(directory, "loop"));
    await expect(refusal()).rejects.toThrow(
      /expected nothing but pictures in .*loop, got the folder cats\.$/,
    );
  });

  it("damaged and truncated pictures, naming them", async () => {
    const png = await noisy(32).png().toBuffer();
    const jpeg = await noisy(32).jpeg().toBuffer();
    const damaged = Buffer.from(png);
    damaged[png.length >> 1]! ^= 255;
    for (const bad of [
      damaged,
      png.subarray(0, png.length >> 1),
      jpeg.subarray(0, jpeg.length >> 1),
      png.subarray(0, 8),
    ]) {
      await put({ ...good, "c.png": bad });
      await expect(refusal()).rejects.toThrow(
        /^loadFolder: expected .*c\.png to be a sound picture .*, got .+\.$/,
      );
    }
  });

  it("a size that is none", async () => {
    await put(good);
    for (const size of [0, -1, 2.5, NaN, "8" as unknown as number]) {
      await expect(refusal({ size })).rejects.toThrow(
        `loadFolder: expected size to be a positive integer, got ${size}.`,
      );
    }
  });

  it("pictures that are too small, naming them", async () => {
    await put({ ...good, "c.png": plain([0, 0, 0], 20, 7) });
    await expect(refusal()).rejects.toThrow(
      /c\.png to be a sound picture of at least 8x8 pixels, got 20x7 pixels\.$/,
    );
  });

  it("empty and single-picture classes, mixed and nested folders, and no folder at all", async () => {
    await expect(refusal()).rejects.toThrow(`expected at least two pictures in ${directory}, got 0.`);
    await put({ "cats/a.png": plain([0, 0, 0]) });
    await expect(refusal()).rejects.toThrow(/expected at least two pictures in .*cats, got 1\.$/);
    await put({ "cats/b.png": plain([0, 0, 0]) });
    await mkdir(join(directory, "dogs"));
    await expect(refusal()).rejects.toThrow(/expected at least two pictures in .*dogs, got 0\.$/);
    await mkdir(join(directory, "cats/young"));
    await expect(refusal()).rejects.toThrow(
      /expected nothing but pictures in .*cats, got the folder young\.$/,
    );
    await put({ "stray.png": plain([0, 0, 0]) });
    await expect(refusal()).rejects.toThrow(
      "either pictures or one folder per class, got stray.png beside cats.",
    );
    await expect(loadFolder(join(directory, "none"), { size: 8 })).rejects.toThrow(
      /expected a folder of pictures at .*none, got none\.$/,
    );
  });
});
