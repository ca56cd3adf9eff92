import type * as tf from "@tensorflow/tfjs";
import { FLOAT, geometry, panelBytes, type Attributes } from "./geometry.js";
import { address, kernel, sizeOf, withScratch, type WasmBackend } from "./heap.js";
import { groundOf, pad, type Ground } from "./ground.js";
import { kernelsOf, type Kernels } from "./module.js";
import { backwards, forwards, type Pass, type Sweep } from "./sweeps.js";
import { backward, forward, suits, winograd } from "./winograd.js";

// Convolutions by this library's own kernels (kernels/): direct, without im2col.

/** Small images are convolved together, so many that they have at least this many pixels: full tiles, hot weights. */
const PIXELS = 192;

/** tf.conv2d; `stock` does what these kernels do not: dilations, other layouts and types. */
export function convolution(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const run = kernel(({ x, filter }, backend, attrs) => {
      const info = geometry(x!.shape, filter!.shape, attrs, [x!, filter!]);
      if (info === undefined) return stock(call);
      const { inChannels, outChannels } = info;
      const weights = address(backend, filter!);
      if (suits(info)) return winograd(backend, x!, filter!, forward(info));
      return convolve(backend, x!, forwards(info), (kernels, panels, { taps }) => {
        kernels.pack(weights, panels, taps.length * inChannels, outChannels);
      });
    });
    return run(call);
  };
}

/** dL/dx: dy convolved with the filter turned round and its channels exchanged. */
export function directInputGradient(composed: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const run = kernel(({ dy, filter }, backend, attrs) => {
      const inputShape = (attrs as unknown as Attributes).inputShape!;
      const info = geometry(inputShape, filter!.shape, attrs, [dy!, filter!]);
      if (info === undefined) return composed(call);
      const { inChannels, outChannels } = info;
      const weights = address(backend, filter!);
      if (suits(info)) return winograd(backend, dy!, filter!, backward(info));
      return convolve(backend, dy!, backwards(info), (kernels, panels, { taps }) => {
        const inputBytes = outChannels * FLOAT;
        let panel = panels;
        for (let input = 0; input < inChannels; input += 8) {
          for (const tap of taps) {
            const rows = weights + (tap * inChannels + input) * inputBytes;
            kernels.packRows(rows, panel, Math.min(8, inChannels - input), outChannels);
            panel += 8 * inputBytes;
          }
        }
      });
    });
    return run(call);
  };
}

/** Writes the weights of a sweep's filter as the kernels want them. */
type Pack = (kernels: Kernels, panels: number, sweep: Sweep) => void;

function convolve(backend: WasmBackend, input: tf.TensorInfo, pass: Pass, pack: Pack): tf.TensorInfo {
  const kernels = kernelsOf(backend);
  const { from, to } = pass;
  const out = backend.makeOutput(to, "float32");
  const target = address(backend, out);
  const sweeps = pass.sweeps.filter(({ taps }) => taps.length > 0);
  // Pixels that no tap meets.
  if (sweeps.length < pass.sweeps.length) backend.wasm.HEAPU8.fill(0, target, target + sizeOf(to) * FLOAT);
  if (sweeps.length === 0) return out;
  const images = together(pass);
  const ground = groundOf(pass);
  const places = sweeps.map(({ size }) => images * size[0] * size[1]);
  const sizes = [
    ground.bare ? 0 : images * ground.imageBytes,
    ...places.map((pixels) => pixels * 2 * FLOAT),
    ...sweeps.map(({ taps }) => taps.length * from[3] * panelBytes(to[3], 8)),
  ];
  withScratch(backend, sizes, (padded, ...parts) => {
    const work = sweeps.map((sweep, i) => ({ sweep, list: parts[i]!, panels: parts[sweeps.length + i]! }));
    for (const { sweep, list, panels } of work) {
      listPixels(kernels, [pass, sweep, ground], list, images);
      pack(kernels, panels, sweep);
    }
    if (!ground.bare) backend.wasm.HEAPU8.fill(0, padded, padded + sizes[0]!);
    for (let first = 0; first < from[0]; first += images) {
      const count = Math.min(images, from[0] - first);
      const source = address(backend, input) + first * from[1] * from[2] * from[3] * FLOAT;
      if (!ground.bare) for (let i = 0; i < count; i++) pad(kernels, pass, ground, [source, padded, i]);
      const start = ground.bare ? source + ground.skip : padded;
      for (const { sweep, list, panels } of work) {
        const { filter, size } = sweep;
        const begin = start + sweep.from[0] * ground.rowBytes + sweep.from[1] * from[3] * FLOAT;
        const pixel = (first * to[1] + sweep.to[0]) * to[2] + sweep.to[1];
        const run = [to[3], filter[0], filter[1] * from[3], ground.rowBytes] as const;
        const pixels = count * size[0] * size[1];
        kernels.convolveListed(begin, list, pixels, panels, target + pixel * to[3] * FLOAT, ...run);
      }
    }
  });
  return out;
}

/** How many images are convolved together. */
function together({ from, sweeps }: Pass): number {
  const most = Math.max(...sweeps.map(({ size }) => size[0] * size[1]));
  const groups = Math.ceil(from[0] / Math.ceil(PIXELS / most));
  return Math.ceil(from[0] / groups);
}

function listPixels(
  kernels: Kernels,
  [{ from, to }, sweep, ground]: readonly [Pass, Sweep, Ground],
  list: number,
  images: number,
): void {
  const { rowBytes, imageBytes } = ground;
  const { size, by, apart } = sweep;
  const outPixel = to[3] * FLOAT;
  const outRow = to[2] * outPixel;
  const input = [imageBytes, by[0] * rowBytes, by[1] * from[3] * FLOAT] as const;
  kernels.listPixels(list, images, ...size, ...input, to[1] * outRow, apart[0] * outRow, apart[1] * outPixel);
}
