import type * as tf from "../../../tfjs.js";
import { geometry, panelBytes, visited, type Attributes, type Canvas, type ConvInfo } from "./geometry.js";
import { FLOAT, address, kernel, withScratch, writeInts, type WasmBackend } from "../memory/heap.js";
import { run } from "../threads/jobs.js";
import { forward, suits } from "./winograd.js";
import { winogradFilterGradient } from "./winograd-filter-gradient.js";

/** Bytes of panels that are packed together, about: an L2 cache. */
const BLOCK_BYTES = 2 ** 20;

/** Pixels of a row, where how they are cut into rows does not matter. */
const ROW = 512;

/** dL/dw[kh, kw, ci, co] = sum over b, i, j of x[b, s i + kh, s j + kw, ci] dy[b, i, j, co]. */
export function directFilterGradient(composed: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const compute = kernel<Attributes>(({ x, dy }, backend, attrs) => {
      const filterShape = attrs.filterShape!;
      const info = geometry(x!.shape, filterShape, attrs, [x!, dy!]);
      if (info === undefined) return composed(call);
      return convolveFilter(backend, [x!, dy!], info);
    });
    return compute(call);
  };
}

/** dL/dw of direct.ts's convolveForward. */
export function convolveFilter(
  backend: WasmBackend,
  [x, dy]: readonly [tf.TensorInfo, tf.TensorInfo],
  info: ConvInfo,
): tf.TensorInfo {
  if (suits(info)) return winogradFilterGradient(backend, x, dy, forward(info));
  const out = backend.makeOutput(info.filterShape, "float32");
  const tensors = { x: address(backend, x), dy: address(backend, dy), out: address(backend, out) };
  correlate(backend, isPointwise(info) ? pointsOf(info) : [batchOf(info)], tensors);
  return out;
}

type Pair = readonly [number, number];

/** Images, the gradients of what a filter gave on its way over them, and the filter. */
export interface Correlation {
  readonly images: number;
  /** Height and width of an image, and channels. */
  readonly given: Pair;
  readonly inputs: number;
  readonly canvas: Canvas;
  /** Height and width of a gradient, and channels. */
  readonly size: Pair;
  readonly outputs: number;
  readonly by: Pair;
  readonly filter: Pair;
}

const batchOf = (info: ConvInfo): Correlation => ({
  images: info.batchSize,
  given: [info.inHeight, info.inWidth],
  inputs: info.inChannels,
  canvas: visited(info),
  size: [info.outHeight, info.outWidth],
  outputs: info.outChannels,
  by: [info.strideHeight, info.strideWidth],
  filter: [info.filterHeight, info.filterWidth],
});

/** Each pixel meets one tap, once. */
function isPointwise({ inShape, outShape, filterHeight, filterWidth, padInfo }: ConvInfo): boolean {
  const same = inShape[1] === outShape[1] && inShape[2] === outShape[2];
  return same && filterHeight * filterWidth === 1 && padInfo.top === 0 && padInfo.left === 0;
}

const pointsOf = ({ batchSize, outHeight, outWidth, inChannels, outChannels }: ConvInfo) =>
  points(batchSize * outHeight * outWidth, inChannels, outChannels);

/** Pixels of which each meets one tap: whole rows of them, and what is left. */
export function points(pixels: number, inputs: number, outputs: number): Correlation[] {
  const rows = (images: number, width: number): Correlation => ({
    images,
    given: [1, width],
    inputs,
    canvas: { height: 1, width, top: 0, left: 0 },
    size: [1, width],
    outputs,
    by: [1, 1],
    filter: [1, 1],
  });
  return [rows(Math.floor(pixels / ROW), ROW), rows(1, pixels % ROW)].filter(
    ({ images, size }) => images * size[1] > 0,
  );
}

/** Addresses. */
export interface Tensors {
  readonly x: number;
  readonly dy: number;
  readonly out: number;
}

/** The filter's gradient [taps, inputs, outputs] of all parts, whose images follow each other. */
export function correlate(
  backend: WasmBackend,
  parts: readonly Correlation[],
  { x, dy, out }: Tensors,
): void {
  const { inputs, outputs, filter } = parts[0]!;
  const taps = filter[0] * filter[1];
  const pairs = Math.ceil(inputs / 4) * Math.ceil(outputs / 8);
  withScratch(backend, [pairs * taps * 4 * 8 * FLOAT], (sums) => {
    let at = { x, dy, sums: sums };
    for (const part of parts) {
      addImages(backend, part, at, at.x === x);
      at = {
        ...at,
        x: at.x + part.images * part.given[0] * part.given[1] * inputs * FLOAT,
        dy: at.dy + part.images * part.size[0] * part.size[1] * outputs * FLOAT,
      };
    }
    const job = { units: pairs, work: 8 * taps * 4 * 8 };
    run(backend, "collectPanels", job, sums, out, taps, inputs, outputs);
  });
}

/** Adds what the images of a part contribute to the sums, which are cleared if `fresh`. */
function addImages(
  backend: WasmBackend,
  part: Correlation,
  { x, dy, sums }: { readonly x: number; readonly dy: number; readonly sums: number },
  fresh: boolean,
): void {
  const { given, inputs, canvas, size, outputs, by, filter } = part;
  const pixels = size[0] * size[1];
  const bytes = [
    canvas.height * canvas.width * panelBytes(inputs, 4),
    pixels * panelBytes(outputs, 8),
  ] as const;
  const images = Math.max(1, Math.min(part.images, Math.floor(BLOCK_BYTES / (bytes[0] + bytes[1]))));
  const pairs = Math.ceil(inputs / 4) * Math.ceil(outputs / 8);
  const rest = [
    ...given,
    inputs,
    canvas.height,
    canvas.width,
    canvas.top,
    canvas.left,
    ...size,
    outputs,
    ...by,
    ...filter,
  ];
  const scratch = [(1 + rest.length) * FLOAT, images * bytes[0], images * bytes[1]];
  withScratch(backend, scratch, (plan, xPanels, dyPanels) => {
    for (let first = 0; first < part.images; first += images) {
      const count = Math.min(images, part.images - first);
      writeInts(backend, plan, [count, ...rest]);
      const from = [
        x + first * given[0] * given[1] * inputs * FLOAT,
        dy + first * pixels * outputs * FLOAT,
      ] as const;
      const rows = count * (canvas.height + size[0]);
      const work = 8 * size[1] * (inputs + outputs);
      run(backend, "packImages", { units: rows, work }, plan, ...from, xPanels, dyPanels);
      const job = { units: pairs, work: 2 * count * pixels * filter[0] * filter[1] * 4 * 8 };
      run(backend, "correlatePanels", job, plan, xPanels, dyPanels, sums, Number(fresh && first === 0));
    }
  });
}
