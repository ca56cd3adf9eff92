// Draws the letters the recipes print into one small grey picture: examples/assets/letters.png and letters.json.
// So a recipe can label its pictures with nothing but pngjs, on machines that have no fonts at all.
// The result is committed; run this only to remake it:
//   npm install --no-save @fontsource/inter@5 @napi-rs/canvas@1
//   npx tsx scripts/pack-font.ts && npx prettier --write examples/assets/letters.json
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { PNG } from "pngjs";

const CHARACTERS = [...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)), "×", "–", "·"];
const FACES = {
  title: { size: 22, weight: 600 },
  label: { size: 15, weight: 600 },
  small: { size: 13, weight: 400 },
};
const WIDTH = 640;

/** The few calls of @napi-rs/canvas that are used: it is no dependency of the package, so its types are absent. */
interface CanvasModule {
  createCanvas: (width: number, height: number) => { getContext(kind: "2d"): Context };
  GlobalFonts: { registerFromPath(path: string, family: string): unknown };
}
interface Context {
  font: string;
  fillStyle: string;
  fillRect(x: number, y: number, width: number, height: number): void;
  fillText(text: string, x: number, y: number): void;
  measureText(text: string): { width: number };
  getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
}

const load = (name: string): Promise<unknown> => import(name);

async function main(): Promise<void> {
  const { createCanvas, GlobalFonts } = (await load("@napi-rs/canvas")) as CanvasModule;
  const require = createRequire(import.meta.url);
  for (const weight of [400, 600]) {
    const path = require.resolve(`@fontsource/inter/files/inter-latin-${weight}-normal.woff2`);
    if (!GlobalFonts.registerFromPath(path, `Inter${weight}`)) throw new Error(`cannot read ${path}`);
  }
  const context = createCanvas(WIDTH, 400).getContext("2d");
  context.fillStyle = "#000000";
  context.fillRect(0, 0, WIDTH, 400);
  context.fillStyle = "#ffffff";
  let top = 0;
  let left = 0;
  const faces: Record<string, object> = {};
  for (const [name, { size, weight }] of Object.entries(FACES)) {
    const height = Math.ceil(size * 1.3);
    context.font = `${size}px Inter${weight}`;
    const glyphs: Record<string, [number, number, number]> = {};
    for (const character of CHARACTERS) {
      const advance = context.measureText(character).width;
      const cell = Math.ceil(advance) + 2;
      if (left + cell > WIDTH) [left, top] = [0, top + height];
      context.fillText(character, left + 1, top + size);
      glyphs[character] = [left, top, Math.round(advance * 100) / 100];
      left += cell;
    }
    faces[name] = { height, glyphs };
    [left, top] = [0, top + height];
  }
  const grey = context.getImageData(0, 0, WIDTH, top).data.filter((_, i) => i % 4 === 0);
  const png = Object.assign(new PNG({ width: WIDTH, height: top }), { data: Buffer.from(grey) });
  const options = { colorType: 0, inputColorType: 0, inputHasAlpha: false } as const;
  writeFileSync("examples/assets/letters.png", PNG.sync.write(png, options));
  const about =
    "Inter by Rasmus Andersson, SIL Open Font License 1.1 (LICENSE.inter), drawn by scripts/pack-font.ts";
  const fields =
    "glyphs: character -> [left, top, advance]; a cell is ceil(advance) + 2 wide and starts 1 to the left";
  writeFileSync("examples/assets/letters.json", `${JSON.stringify({ about, fields, faces })}\n`);
}

await main();
