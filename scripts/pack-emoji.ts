// Packs Google's Noto emoji into one picture of 24x24 tiles: examples/assets/emoji-24.png and emoji-24.json.
// The result is committed; run this only to remake it:
//   npm install --no-save emoji-datasource-google@16.0.0 sharp@0.35
//   npx tsx scripts/pack-emoji.ts
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const TILE = 24;
const COLUMNS = 63;

type Entry = {
  image: string;
  category: string;
  subcategory: string;
  sort_order: number;
  has_img_google: boolean;
};

/** The few calls of sharp that are used: it is no dependency of the package, so its types are absent. */
type Sharp = (input: string | Buffer, options?: object) => SharpImage;
interface SharpImage {
  flatten(options: { background: string }): SharpImage;
  removeAlpha(): SharpImage;
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
  const groups = groupImages(entries);
  const files = groups.flatMap((group) => group.kinds.flatMap((kind) => kind.files));
  const width = COLUMNS * TILE;
  const height = Math.ceil(files.length / COLUMNS) * TILE;
  const sheet = Buffer.alloc(width * height * 3, 255);
  for (const [i, file] of files.entries()) {
    // White behind the transparent parts, then sharp's anti-aliased reduction (Lanczos).
    const tile = await sharp(join(home, "img/google/64", file))
      .flatten({ background: "#ffffff" })
      .removeAlpha()
      .resize(TILE, TILE, { kernel: "lanczos3" })
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
  writeFileSync("examples/assets/emoji-24.png", png);
  writeFileSync("examples/assets/emoji-24.json", `${JSON.stringify(describe(groups), null, 2)}\n`);
  console.log(`${files.length} images in ${groups.length} groups, ${png.length} bytes`);
}

type Kind = { name: string; files: string[] };
type Group = { name: string; kinds: Kind[] };

/**
 * Unicode's groups in its order, and the kinds in each; the five bare skin-tone swatches ("Component") are no pictures
 * of anything. The skin-tone variants are left out: near copies of a hundred figures, they would be half of the sheet.
 */
function groupImages(entries: readonly Entry[]): Group[] {
  const groups: Group[] = [];
  for (const entry of [...entries].sort((a, b) => a.sort_order - b.sort_order)) {
    if (entry.category === "Component" || !entry.has_img_google) continue;
    const group = named(groups, { name: entry.category, kinds: [] });
    named(group.kinds, { name: entry.subcategory, files: [] }).files.push(entry.image);
  }
  return groups;
}

/** The item of that name, which is added where there is none. */
function named<T extends { readonly name: string }>(items: T[], empty: T): T {
  const found = items.find(({ name }) => name === empty.name);
  if (!found) items.push(empty);
  return found ?? empty;
}

function describe(groups: readonly Group[]): object {
  const counted = ({ name, files }: Kind) => ({ name, count: files.length });
  return {
    about: "Tiles row by row, group after group and kind after kind, as Unicode orders its emoji.",
    source: "Noto emoji by Google, 64-pixel PNGs of the npm package emoji-datasource-google 16.0.0",
    changes: "put on white, reduced to 24x24, joined into one picture",
    licence: "see LICENSE.noto-emoji",
    tile: TILE,
    columns: COLUMNS,
    groups: groups.map(({ name, kinds }) => ({ name, kinds: kinds.map(counted) })),
  };
}

await main();
