// The figures as they stand on the page, as one picture to keep.
import { byId, download } from "./dom.js";

const MARGIN = 24;
/** Of a figure: a whole number of pixels for each of an emoji's 28, in 1 to 4 columns. */
const SIDE = 336;
const HEAD = 52;
const FOOT = 34;

/** Brings "Save PNG" to life; `name` is the file's, without its ending. */
export function pictureButton(name: () => string): void {
  byId("save-png", HTMLButtonElement).addEventListener("click", () => {
    pictureOf(Array.from(byId("figures", HTMLElement).querySelectorAll<HTMLElement>(".figure"))).toBlob(
      (blob) => {
        if (blob) download(`${name()}.png`, blob);
      },
    );
  });
}

/** Draws the figures side by side, with their words, in the page's colours. */
function pictureOf(figures: readonly HTMLElement[]): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = MARGIN + figures.length * (SIDE + MARGIN);
  canvas.height = MARGIN + HEAD + SIDE + FOOT + MARGIN;
  const context = canvas.getContext("2d")!;
  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name);
  const write = (text: string, [x, y]: readonly [number, number], font: string, ink: string) => {
    context.font = `${font} "Inter Variable", system-ui, sans-serif`;
    context.fillStyle = colour(ink);
    context.fillText(text, x, y, SIDE);
  };
  context.fillStyle = colour("--paper");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  figures.forEach((figure, i) => {
    const [left, top] = [MARGIN + i * (SIDE + MARGIN), MARGIN + HEAD];
    const wordsOf = (selector: string) => figure.querySelector(selector)?.textContent ?? "";
    write(wordsOf("h3"), [left, MARGIN + 17], "600 18px", "--ink");
    write(wordsOf(".note-line"), [left, MARGIN + 39], "400 14px", "--soft");
    const tiles = figure.querySelectorAll("canvas");
    const columns = Math.ceil(Math.sqrt(tiles.length));
    const side = SIDE / columns;
    tiles.forEach((tile, j) => {
      context.drawImage(tile, left + (j % columns) * side, top + Math.floor(j / columns) * side, side, side);
    });
    write(wordsOf("figcaption"), [left, top + SIDE + 24], "400 14px", "--ink");
  });
  return canvas;
}
