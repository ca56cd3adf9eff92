import type { Tensor4D } from "../tfjs.js";
import { check, checkOptions, checkPositiveInteger, checkSeeds, fail } from "../check.js";
import { imageGrid } from "../data/image-grid.js";
import type { DrawOptions, SampleOptions } from "./options.js";

const WHERE = "Generator.draw";
const NAMES = {
  seed: true,
  seeds: true,
  label: true,
  labels: true,
  columns: true,
  steps: true,
  guidance: true,
  onStep: true,
  signal: true,
} as const;

/** Pixels along a side: every browser draws a canvas of that size. */
const MOST_SIDE = 16_384;

/** What draws: a generator's `sample` and the shape of its images. */
interface Source {
  readonly imageShape: readonly [number, number, number];
  readonly sample: (options: SampleOptions) => Promise<Tensor4D>;
}

/** Draws on a canvas, see {@link Generator.draw}. */
export async function draw(
  { imageShape, sample }: Source,
  canvas: HTMLCanvasElement | OffscreenCanvas,
  options: DrawOptions,
): Promise<void> {
  checkOptions<DrawOptions>(WHERE, options, NAMES);
  const { seed, seeds, label, labels, columns: asked, ...others } = options;
  const both = seed !== undefined && seeds !== undefined;
  if (both || (seed ?? seeds) === undefined) fail(WHERE, "either seed or seeds", both ? "both" : "neither");
  const all = seeds ?? [seed];
  checkSeeds(all, WHERE);
  if (label !== undefined && labels !== undefined) fail(WHERE, "either label or labels", "both");
  const columns = asked ?? Math.max(1, Math.ceil(Math.sqrt(all.length)));
  checkPositiveInteger(columns, WHERE, "columns");
  checkSize(imageShape, Math.min(columns, all.length), Math.ceil(all.length / columns));
  const context = contextOf(canvas);
  const classes = label === undefined ? labels : all.map(() => label);
  const images = await sample({ ...others, seeds: all, ...(classes && { labels: classes }) });
  const picture = await imageGrid(images, { columns, gap: 0 }).finally(() => {
    images.dispose();
  });
  options.signal?.throwIfAborted();
  const { width, height, data } = picture;
  canvas.width = width;
  canvas.height = height;
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    pixels.data.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

function checkSize([height, width, channels]: Source["imageShape"], across: number, down: number): void {
  check(channels === 1 || channels === 3, WHERE, "images of 1 or 3 channels", channels);
  const [wide, high] = [across * width, down * height];
  const fits = wide <= MOST_SIDE && high <= MOST_SIDE;
  check(fits, WHERE, `a picture of at most ${MOST_SIDE} pixels along a side`, `${wide}x${high}`);
}

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** What draws on a canvas. It has but one kind of context, and none once a worker has it. */
function contextOf(canvas: HTMLCanvasElement | OffscreenCanvas): Context {
  const { getContext } = (canvas ?? {}) as { readonly getContext?: unknown };
  check(typeof getContext === "function", WHERE, "a canvas", canvas);
  let reason = "one that already has a context of another kind";
  try {
    const context = (canvas as HTMLCanvasElement).getContext("2d"); // of either kind
    if (context !== null) return context;
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  return fail(WHERE, "a canvas whose 2d context can be had", reason);
}
