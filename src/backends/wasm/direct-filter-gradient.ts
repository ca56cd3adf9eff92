import type * as tf from "@tensorflow/tfjs";
import { FLOAT, geometry, panelBytes, visited, type Attributes, type ConvInfo } from "./geometry.js";
import { overlap } from "./ground.js";
import { address, kernel, withScratch, type WasmBackend } from "./heap.js";
import { kernelsOf, type Kernels } from "./module.js";
import { suits } from "./winograd.js";
import { winogradFilterGradient } from "./winograd-filter-gradient.js";

/** Pixels of dy whose products are summed before they are added to the rest: 16 kB of a panel, half of an L1 cache. */
const BLOCK = 512;

/** dL/dw[kh, kw, ci, co] = sum over b, i, j of x[b, s i + kh, s j + kw, ci] dy[b, i, j, co]. */
export function directFilterGradient(composed: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const run = kernel(({ x, dy }, backend, attrs) => {
      const filterShape = (attrs as unknown as Attributes).filterShape!;
      const info = geometry(x!.shape, filterShape, attrs, [x!, dy!]);
      if (info === undefined) return composed(call);
      if (suits(info)) return winogradFilterGradient(backend, x!, dy!, info);
      const out = backend.makeOutput(filterShape, "float32");
      correlate(backend, info, [address(backend, x!), address(backend, dy!), address(backend, out)]);
      return out;
    });
    return run(call);
  };
}

/** Addresses of what is dealt out in panels, and of the sums. */
interface Panels {
  readonly x: number;
  readonly dy: number;
  readonly sums: number;
}

function correlate(
  backend: WasmBackend,
  info: ConvInfo,
  [x, dy, out]: readonly [number, number, number],
): void {
  const kernels = kernelsOf(backend);
  const { inChannels, outChannels, outHeight, outWidth, filterHeight, filterWidth } = info;
  const canvas = visited(info);
  const taps = filterHeight * filterWidth;
  const sumBytes = taps * Math.ceil(inChannels / 4) * Math.ceil(outChannels / 8) * 4 * 8 * FLOAT;
  // Small images are dealt out together: the sums, often larger than they, are then passed over once for several.
  const images = Math.max(1, Math.min(info.batchSize, Math.floor(BLOCK / (outHeight * outWidth))));
  const xBytes = images * canvas.height * canvas.width * panelBytes(inChannels, 4);
  const dyBytes = images * outHeight * outWidth * panelBytes(outChannels, 8);
  withScratch(backend, [xBytes, dyBytes, sumBytes], (xPanels, dyPanels, sums) => {
    // Borders and spare lanes stay zero.
    backend.wasm.HEAPU8.fill(0, xPanels, sums + sumBytes);
    const panels: Panels = { x: xPanels, dy: dyPanels, sums: sums };
    for (let first = 0; first < info.batchSize; first += images) {
      const count = Math.min(images, info.batchSize - first);
      for (let i = 0; i < count; i++) deal(kernels, info, [x, dy], panels, [first + i, i, images]);
      sumUp(kernels, info, panels, [count, images]);
    }
    kernels.collect(sums, out, taps, inChannels, outChannels);
  });
}

/** Deals image `from` of the batch out to place `to` of `places`. */
function deal(
  kernels: Kernels,
  info: ConvInfo,
  [x, dy]: readonly [number, number],
  panels: Panels,
  [from, to, places]: readonly [number, number, number],
): void {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels } = info;
  const { height, width, top, left } = visited(info);
  const xPanel = height * width * 4 * FLOAT;
  const xRow = inWidth * inChannels * FLOAT;
  kernels.deal(
    x + from * inHeight * xRow,
    panels.x + to * xPanel + (top * width + left) * 4 * FLOAT,
    overlap(inHeight, height, top).count,
    overlap(inWidth, width, left).count,
    xRow,
    inChannels,
    4,
    places * xPanel,
    width * 4 * FLOAT,
  );
  const dyPanel = outHeight * outWidth * 8 * FLOAT;
  const dyRow = outWidth * outChannels * FLOAT;
  const target = panels.dy + to * dyPanel;
  const source = dy + from * outHeight * dyRow;
  const sizes = [dyRow, outChannels, 8, places * dyPanel, outWidth * 8 * FLOAT] as const;
  kernels.deal(source, target, outHeight, outWidth, ...sizes);
}

/** Adds what `images` of the dealt out `places` contribute. */
function sumUp(
  kernels: Kernels,
  info: ConvInfo,
  { x, dy, sums }: Panels,
  [images, places]: readonly [number, number],
): void {
  const { outHeight, outWidth, filterHeight, filterWidth } = info;
  const { height, width } = visited(info);
  const xImage = height * width * 4 * FLOAT;
  const dyImage = outHeight * outWidth * 8 * FLOAT;
  const row = width * 4 * FLOAT;
  const steps = [row, info.strideHeight * row, info.strideWidth * 4 * FLOAT] as const;
  const counts = [Math.ceil(info.inChannels / 4), Math.ceil(info.outChannels / 8)] as const;
  const sizes = [places * xImage, places * dyImage, xImage, dyImage] as const;
  const rows = places > 1 ? outHeight : Math.max(1, Math.floor(BLOCK / outWidth));
  for (let first = 0; first < outHeight; first += rows) {
    const end = Math.min(outHeight, first + rows);
    const filter = [outWidth, filterHeight, filterWidth] as const;
    kernels.correlate(x, dy, sums, images, first, end, ...filter, ...counts, ...sizes, ...steps);
  }
}
