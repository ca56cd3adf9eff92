import { readFileSync } from "node:fs";
import type { Picture } from "cfd-distill/data";
import { PNG } from "pngjs";

type Face = "title" | "label" | "small";
type Colour = readonly [number, number, number];

interface Letters {
  readonly faces: Readonly<
    Record<Face, { readonly height: number; readonly glyphs: Readonly<Record<string, Glyph>> }>
  >;
}
/** Left, top and advance of one letter in letters.png; its cell starts one pixel to the left. */
type Glyph = readonly [number, number, number];

const assets = new URL("../../assets/", import.meta.url);
const letters = JSON.parse(readFileSync(new URL("letters.json", assets), "utf8")) as Letters;
const sheet = PNG.sync.read(readFileSync(new URL("letters.png", assets)));

const INK: Colour = [32, 33, 36];
const GREY: Colour = [112, 117, 122];
const RULE: Colour = [218, 220, 224];

/** One line of a figure: what made the images, a remark, and where its images stand. */
export interface RowLabel {
  readonly label: string;
  readonly note?: string;
  /** Whether a line above sets it off from the row before. */
  readonly rule?: boolean;
}

/** A title, a label per row (left) and one per group of columns (above), around a grid of images. */
export interface FigureText {
  readonly title: string;
  readonly subtitle: string;
  readonly rows: readonly RowLabel[];
  readonly columns: readonly string[];
}

/**
 * Sets text around an image grid that `imageGrid` drew with `gap`: rows and columns are evenly spaced, so their
 * positions follow from the picture's size.
 */
export function figure(grid: Picture, gap: number, text: FigureText): Picture {
  const wide = Math.max(
    ...text.rows.map((row) => Math.max(textWidth(row.label, "label"), textWidth(row.note, "small"))),
  );
  const margin = 20;
  const left = margin + Math.ceil(wide) + 12;
  const span = (grid.width - gap) / text.columns.length;
  const headings = text.columns.map((name) => wrap(name, span - 6));
  const headingLines = Math.max(...headings.map((lines) => lines.length));
  const top = margin + 30 + 22 + 14 + headingLines * 16;
  const height = top + grid.height + margin - gap;
  const needed = Math.max(left + grid.width, 2 * margin + textWidth(text.title, "title"));
  const page = white(
    Math.ceil(Math.max(needed, 2 * margin + textWidth(text.subtitle, "small"))) + margin - gap,
    height,
  );
  writeText(page, text.title, { x: margin, y: margin, face: "title" });
  writeText(page, text.subtitle, { x: margin, y: margin + 32, face: "small", colour: GREY });
  headings.forEach((lines, i) => {
    lines.forEach((line, l) => {
      const x = left + gap / 2 + i * span + (span - textWidth(line, "small")) / 2;
      writeText(page, line, { x, y: top - (lines.length - l) * 16, face: "small" });
    });
  });
  paste(page, grid, left, top);
  const step = (grid.height - gap) / text.rows.length;
  text.rows.forEach((row, i) => {
    const middle = top + gap / 2 + (i + 0.5) * step;
    if (row.rule) drawRule(page, { y: Math.round(top + i * step + (gap - 1) / 2), margin });
    const y = row.note === undefined ? middle - 9 : middle - 18;
    writeText(page, row.label, { x: margin, y, face: "label" });
    if (row.note !== undefined)
      writeText(page, row.note, { x: margin, y: y + 19, face: "small", colour: GREY });
  });
  return page;
}

function white(widthPixels: number, height: number): Picture {
  return { width: widthPixels, height, data: new Uint8Array(widthPixels * height * 3).fill(255) };
}

function paste(page: Picture, part: Picture, left: number, top: number): void {
  for (let y = 0; y < part.height; y++) {
    const row = part.data.subarray(y * part.width * 3, (y + 1) * part.width * 3);
    page.data.set(row, ((top + y) * page.width + left) * 3);
  }
}

function drawRule(page: Picture, { y, margin }: { y: number; margin: number }): void {
  for (let x = margin; x < page.width - margin; x++) page.data.set(RULE, (y * page.width + x) * 3);
}

/** A letter the sheet lacks is drawn as a question mark. */
function glyph(character: string, face: Face): Glyph {
  const { glyphs } = letters.faces[face];
  return glyphs[character] ?? glyphs["?"]!;
}

export function textWidth(text: string | undefined, face: Face): number {
  return Array.from(text ?? "").reduce((sum, character) => sum + glyph(character, face)[2], 0);
}

/** Breaks after spaces and hyphens where a line would be wider than `most` pixels. */
function wrap(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const piece of text.split(/(?<=[ -])/)) {
    const last = lines.at(-1);
    const longer = `${last ?? ""}${piece}`;
    if (last !== undefined && textWidth(longer.trimEnd(), "small") > most) lines.push(piece);
    else lines.splice(-1, 1, longer);
  }
  return lines.map((line) => line.trimEnd());
}

export function writeText(
  page: Picture,
  text: string,
  options: { x: number; y: number; face: Face; colour?: Colour },
): void {
  const { face, colour = INK } = options;
  const height = letters.faces[face].height;
  const top = Math.round(options.y);
  let x = options.x;
  for (const character of text) {
    const [glyphLeft, glyphTop, advance] = glyph(character, face);
    const left = Math.round(x) - 1;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < Math.ceil(advance) + 2; column++) {
        const ink = sheet.data[((glyphTop + row) * sheet.width + glyphLeft + column) * 4]! / 255;
        const at = ((top + row) * page.width + left + column) * 3;
        if (ink === 0 || left + column < 0 || left + column >= page.width) continue;
        for (let c = 0; c < 3; c++) {
          page.data[at + c] = Math.round(page.data[at + c]! * (1 - ink) + colour[c]! * ink);
        }
      }
    }
    x += advance;
  }
}
