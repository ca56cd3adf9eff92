// Packs some of Google's Noto emoji into one picture of 28x28 tiles: examples/assets/emoji.png and emoji.json.
// The result is committed; run this only to remake it:
//   npm install --no-save emoji-datasource-google@16.0.0 sharp@0.35
//   npx tsx scripts/pack-emoji.ts
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { emojiClasses } from "../tools/emoji/classes.js";

const TILE = 28;
/** White on every side: pictures that touch no edge stand alone. */
const MARGIN = 2;
const COLUMNS = 21;
const WHITE = "#ffffff";

interface Entry {
  readonly short_name: string;
  readonly image: string;
  readonly has_img_google: boolean;
}

/** The few calls of sharp that are used: it is no dependency of the package, so its types are absent. */
type Sharp = (input: string | Buffer, options?: object) => SharpImage;
interface SharpImage {
  flatten(options: { background: string }): SharpImage;
  removeAlpha(): SharpImage;
  extend(options: object): SharpImage;
  resize(width: number, height: number, options: { kernel: string }): SharpImage;
  png(options: { compressionLevel: number }): SharpImage;
  raw(): SharpImage;
  toBuffer(): Promise<Buffer>;
}

const load = (name: string): Promise<unknown> => import(name);

async function main(): Promise<void> {
  const sharp = ((await load("sharp")) as { default: Sharp }).default;
  const home = dirname(createRequire(import.meta.url).resolve("emoji-datasource-google/package.json"));
  const entries = JSON.parse(readFileSync(join(home, "emoji.json"), "utf8")) as Entry[];
  const files = filesOf(entries);
  const width = COLUMNS * TILE;
  const height = Math.ceil(files.length / COLUMNS) * TILE;
  const sheet = Buffer.alloc(width * height * 3, 255);
  const margins = { top: MARGIN, bottom: MARGIN, left: MARGIN, right: MARGIN, background: WHITE };
  for (const [i, file] of files.entries()) {
    // White behind the transparent parts, then sharp's anti-aliased reduction (Lanczos).
    const tile = await sharp(join(home, "img/google/64", file))
      .flatten({ background: WHITE })
      .removeAlpha()
      .resize(TILE - 2 * MARGIN, TILE - 2 * MARGIN, { kernel: "lanczos3" })
      .extend(margins)
      .raw()
      .toBuffer();
    const left = (i % COLUMNS) * TILE;
    const top = Math.floor(i / COLUMNS) * TILE;
    for (let y = 0; y < TILE; y++) {
      tile.copy(sheet, ((top + y) * width + left) * 3, y * TILE * 3, (y + 1) * TILE * 3);
    }
  }
  const png = await sharp(sheet, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 9 })
    .toBuffer();
  writeFileSync("examples/assets/emoji.png", png);
  writeFileSync("examples/assets/emoji.json", `${JSON.stringify(describe(), null, 2)}\n`);
  console.log(`${files.length} images in ${emojiClasses.length} classes, ${png.length} bytes`);
}

/** The files of the classes' emoji, class by class. */
function filesOf(entries: readonly Entry[]): string[] {
  const images = new Map(entries.map((entry) => [entry.short_name, entry]));
  const names = emojiClasses.flatMap(({ emoji }) => emoji);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`pack-emoji: ${twice} is named twice.`);
  return names.map((name) => {
    const entry = images.get(name);
    if (!entry?.has_img_google) throw new Error(`pack-emoji: no picture of Google's is named ${name}.`);
    return entry.image;
  });
}

function describe(): object {
  return {
    about: "Tiles row by row, class after class.",
    source: "Noto emoji by Google, 64-pixel PNGs of the npm package emoji-datasource-google 16.0.0",
    changes: "put on white, reduced to 24x24 within a white margin of 2, joined into one picture",
    licence: "see LICENSE.noto-emoji",
    tile: TILE,
    columns: COLUMNS,
    classes: emojiClasses.map(({ name, emoji }) => ({ name, count: emoji.length })),
  };
}

await main();
