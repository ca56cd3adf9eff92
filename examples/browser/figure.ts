import { make } from "./dom.js";

/** A heading, images in a square grid, and a line below. */
export interface Figure {
  readonly element: HTMLElement;
  /** Images [count, height, width, channels] in [-1, 1]. */
  readonly paint: (pixels: Float32Array, shape: readonly [number, number, number]) => void;
  readonly clear: () => void;
  readonly caption: (text: string, state: "working" | "done") => void;
}

/** Makes a figure for images with these names. */
export function figure(title: string, note: string, names: readonly string[]): Figure {
  const element = make("figure", "figure");
  const head = make("div", "figure-head");
  head.append(make("h3", "", title), make("p", "", note));
  const grid = make("div", "grid");
  grid.style.setProperty("--columns", String(Math.ceil(Math.sqrt(names.length))));
  const tiles = names.map((name) => {
    const tile = make("canvas", "tile");
    tile.setAttribute("role", "img");
    tile.setAttribute("aria-label", name);
    tile.title = name;
    return tile;
  });
  grid.append(...tiles);
  const caption = make("figcaption", "", "Waiting");
  element.append(head, grid, caption);
  return {
    element,
    paint(pixels, shape) {
      const size = shape[0] * shape[1] * shape[2];
      tiles.forEach((tile, i) => {
        paintTile(tile, pixels.subarray(i * size, (i + 1) * size), shape);
      });
    },
    clear() {
      for (const tile of tiles) tile.width = tile.width; // setting it wipes a canvas
    },
    caption(text, state) {
      caption.textContent = text;
      element.dataset.state = state;
    },
  };
}

function paintTile(tile: HTMLCanvasElement, values: Float32Array, shape: readonly [number, number, number]) {
  const [height, width, channels] = shape;
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      image.data[4 * i + c] = 127.5 + 127.5 * values[i * channels + (channels === 3 ? c : 0)]!; // clamps and rounds
    }
    image.data[4 * i + 3] = 255;
  }
  if (tile.width !== width || tile.height !== height) [tile.width, tile.height] = [width, height];
  tile.getContext("2d")!.putImageData(image, 0, 0);
}
