// What the pages of generator.test.ts run: they load and draw as they are told to.
import {
  loadGenerator,
  useBackend,
  type DrawOptions,
  type LoadOptions,
  type LoadProgress,
} from "cfd-distill";

/** What a page loads and draws. */
export interface Task {
  readonly address: string;
  readonly load: LoadOptions;
  readonly draw: DrawOptions;
}

/** Pixels as a canvas has them, RGBA. */
interface Shown {
  readonly width: number;
  readonly height: number;
  readonly data: number[];
}

/** What it said, and what each kind of canvas shows then. */
export interface Done {
  readonly progress: LoadProgress[];
  readonly uncached: string | undefined;
  readonly html: Shown;
  readonly offscreen: Shown;
  /** Why it did not draw on canvases that are taken. */
  readonly taken: string[];
}

function shownOn(canvas: HTMLCanvasElement | OffscreenCanvas): Shown {
  const { width, height } = canvas;
  const pixels = (canvas as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
  return { width, height, data: [...pixels.data] };
}

async function run({ address, load, draw }: Task): Promise<Done> {
  await useBackend("cpu");
  const progress: LoadProgress[] = [];
  const onProgress = (step: LoadProgress) => progress.push(step);
  const generator = await loadGenerator(address, { ...load, onProgress });
  const [html, offscreen] = [document.createElement("canvas"), new OffscreenCanvas(1, 1)];
  for (const canvas of [html, offscreen]) await generator.draw(canvas, draw);
  const other = new OffscreenCanvas(1, 1);
  other.getContext("bitmaprenderer");
  const away = document.createElement("canvas");
  away.transferControlToOffscreen();
  const taken = [other, away].map((canvas) => generator.draw(canvas, draw).then(String, String));
  const done = {
    ...{ progress, uncached: generator.uncached, html: shownOn(html), offscreen: shownOn(offscreen) },
    taken: await Promise.all(taken),
  };
  generator.dispose();
  return done;
}

Object.assign(globalThis, { run });
