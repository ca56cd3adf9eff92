import { make } from "./dom.js";
import { explained, type Term } from "./terms.js";

type Shape = readonly [number, number, number];

interface Frame {
  readonly pixels: Float32Array;
  readonly shape: Shape;
}

/** What a figure looks like, for the eye. */
type State = "waiting" | "working" | "done" | "failed";

/** What a figure is made of. */
export interface FigureParts {
  readonly title: string;
  readonly note: string;
  /** What the images are called, one by one. */
  readonly names: readonly string[];
  readonly term?: Term | undefined;
  /** Through how many steps one can go back; none if absent. */
  readonly steps?: number;
}

/** A heading, images in a square grid, a slider through the steps in which they were drawn, and a line below. */
export interface Figure {
  readonly element: HTMLElement;
  /** Keeps images [count, height, width, channels] in [-1, 1] as those after so many steps. */
  readonly keep: (images: Frame, step?: number) => void;
  /** Shows the last that were kept, unless the visitor looks back at others. */
  readonly show: () => void;
  readonly clear: () => void;
  readonly caption: (text: string, state: State) => void;
  /** Says what went wrong, and offers to try again. */
  readonly fail: (message: string, again: () => void) => void;
}

/** Makes a figure. */
export function figure({ title, note, names, term, steps }: FigureParts): Figure {
  const element = make("figure", "figure");
  const head = make("div", "figure-head");
  head.append(...(term ? explained(title, term) : [make("h3", "", title)]), make("p", "note-line", note));
  const grid = make("div", "grid");
  grid.style.setProperty("--columns", String(Math.ceil(Math.sqrt(names.length))));
  const tiles = names.map(tile);
  grid.append(...tiles);
  const caption = make("figcaption", "", "Waiting");
  const frames: Frame[] = [];
  const paint = (step: number) => {
    const { pixels, shape } = frames[step]!;
    const size = shape[0] * shape[1] * shape[2];
    tiles.forEach((tile, i) => {
      paintTile(tile, pixels.subarray(i * size, (i + 1) * size), shape);
    });
  };
  let said = "";
  const looked = (step: number) => {
    paint(step);
    caption.textContent = step < frames.length - 1 ? stepInWords(step, steps!) : said;
  };
  const slider = steps === undefined ? undefined : scrubber(title, steps, looked);
  element.append(head, grid, ...(slider ? [slider.range] : []), caption);
  return {
    element,
    keep({ pixels, shape }, step = 0) {
      frames[step] = { pixels, shape };
    },
    show() {
      const last = frames.length - 1;
      if (slider?.follows(last) ?? true) paint(last);
    },
    clear() {
      for (const tile of tiles) tile.width = tile.width; // setting it wipes a canvas
    },
    caption(text, state) {
      caption.textContent = said = text;
      element.dataset.state = state;
    },
    fail(message, again) {
      const button = make("button", "button quiet", "Try again");
      button.type = "button";
      button.addEventListener("click", again);
      caption.replaceChildren(make("span", "", message), button);
      element.dataset.state = "failed";
    },
  };
}

/** "noise", "step 3 of 64". */
const stepInWords = (step: number, steps: number) => (step === 0 ? "noise" : `step ${step} of ${steps}`);

/** A slider from noise to the last step that is there. `looked` hears where the visitor moves it. */
function scrubber(title: string, steps: number, looked: (step: number) => void) {
  const range = make("input", "scrub");
  Object.assign(range, {
    type: "range",
    min: "0",
    max: String(steps),
    step: "1",
    value: "0",
    disabled: true,
  });
  range.setAttribute("aria-label", `Step of ${title}`);
  let last = 0;
  const moveTo = (step: number) => {
    range.valueAsNumber = step;
    range.setAttribute("aria-valuetext", stepInWords(step, steps));
  };
  range.addEventListener("input", () => {
    moveTo(Math.min(range.valueAsNumber, last));
    looked(range.valueAsNumber);
  });
  return {
    range,
    /** One more step is there; whether it is to be shown, since the visitor is not looking back. */
    follows(step: number): boolean {
      const isFollowing = range.valueAsNumber === last;
      last = step;
      range.disabled = false;
      if (isFollowing) moveTo(step);
      return isFollowing;
    },
  };
}

const WAITING = 28;

/** A canvas for an image, with noise on it until there is one: grey, as it has nothing to do with the image. */
function tile(name: string): HTMLCanvasElement {
  const element = make("canvas", "tile");
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", name);
  element.title = name;
  [element.width, element.height] = [WAITING, WAITING];
  const image = new ImageData(WAITING, WAITING);
  const noise = crypto.getRandomValues(new Uint8Array(WAITING * WAITING));
  noise.forEach((value, i) => {
    image.data.fill(96 + value / 2, 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 90;
  });
  element.getContext("2d")!.putImageData(image, 0, 0);
  return element;
}

function paintTile(tile: HTMLCanvasElement, values: Float32Array, [height, width, channels]: Shape): void {
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
