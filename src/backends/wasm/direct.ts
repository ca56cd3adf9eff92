import * as tf from "@tensorflow/tfjs";
import type { Attributes, ConvInfo, Sizes } from "./geometry.js";
import { address, kernel, sizeOf, withScratch, type WasmBackend } from "./heap.js";
import { kernelsOf, type Kernels } from "./module.js";

// Convolutions by this library's own kernels (kernels/): direct, without im2col.

/** The geometry of a convolution that the kernels can do, or nothing. */
export function geometry(
  inputShape: readonly number[],
  filterShape: readonly number[],
  attrs: Readonly<Record<string, unknown>>,
  tensors: readonly tf.TensorInfo[],
): ConvInfo | undefined {
  const { strides, pad, dilations, dimRoundingMode, dataFormat } = attrs as unknown as Attributes;
  const dilated = ![dilations ?? 1].flat().every((dilation) => dilation === 1);
  if (dilated || dataFormat === "NCHW" || tensors.some(({ dtype }) => dtype !== "float32")) return undefined;
  const shapes = [inputShape, filterShape] as [Sizes, Sizes];
  const info = tf.backend_util.computeConv2DInfo(...shapes, strides, 1, pad, dimRoundingMode);
  return sizeOf(info.outShape) * sizeOf(inputShape) * sizeOf(filterShape) === 0 ? undefined : info;
}

/** An image as the kernels visit it: `height` x `width` pixels, the given ones from `top`, `left` on, zeros elsewhere. */
export interface Canvas {
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
  /** Distances of the given pixels; what does not fit is cut off. */
  readonly apart: readonly [number, number];
}

/** How many of `given` pixels fit. */
export const fitting = (given: number, size: number, start: number, apart: number) =>
  Math.max(0, Math.min(given, Math.ceil((size - start) / apart)));

interface Pass {
  /** [batch, height, width, channels] */
  readonly from: readonly [number, number, number, number];
  readonly to: readonly [number, number, number, number];
  readonly filter: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly canvas: Canvas;
}

export const FLOAT = 4;
export const panelBytes = (channels: number, lanes: number) => Math.ceil(channels / lanes) * lanes * FLOAT;

/** Convolves all images at `x` with what `pack` packs. */
function convolve(
  backend: WasmBackend,
  [x, out]: readonly [number, number],
  pass: Pass,
  pack: (kernels: Kernels, panels: number) => void,
): void {
  const kernels = kernelsOf(backend);
  const { from, to, filter, strides, canvas } = pass;
  const [batch, height, width, channels] = from;
  const { top, left, apart } = canvas;
  const pixel = channels * FLOAT;
  const packed = filter[0] * filter[1] * channels * panelBytes(to[3], 8);
  const whole = top + left === 0 && canvas.height <= height && canvas.width <= width;
  const bare = whole && apart[0] * apart[1] === 1;
  const row = (bare ? width : canvas.width) * pixel;
  withScratch(backend, [packed, bare ? 0 : canvas.height * row], (panels, padded) => {
    pack(kernels, panels);
    if (!bare) backend.wasm.HEAPU8.fill(0, padded, padded + canvas.height * row);
    const rows = fitting(height, canvas.height, top, apart[0]);
    const columns = fitting(width, canvas.width, left, apart[1]);
    for (let i = 0; i < batch; i++) {
      const image = x + i * height * width * pixel;
      const inside = padded + top * row + left * pixel;
      if (!bare) {
        kernels.pad(image, inside, rows, columns, pixel, width * pixel, apart[0] * row, apart[1] * pixel);
      }
      const target = out + i * to[1] * to[2] * to[3] * FLOAT;
      const run = [filter[0], filter[1] * channels, row, strides[0] * row, strides[1] * pixel] as const;
      kernels.convolve(bare ? image : padded, panels, target, to[1], to[2], to[3], ...run);
    }
  });
}

/** tf.conv2d; `stock` does what these kernels do not: dilations, other layouts and types. */
export function convolution(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const run = kernel(({ x, filter }, backend, attrs) => {
      const info = geometry(x!.shape, filter!.shape, attrs, [x!, filter!]);
      if (info === undefined) return stock(call);
      const out = backend.makeOutput(info.outShape, "float32");
      const { filterHeight, filterWidth, inChannels, outChannels } = info;
      const pass: Pass = {
        from: info.inShape,
        to: info.outShape,
        filter: [filterHeight, filterWidth],
        strides: [info.strideHeight, info.strideWidth],
        canvas: visited(info),
      };
      convolve(backend, [address(backend, x!), address(backend, out)], pointwise(pass), (kernels, panels) => {
        const rows = filterHeight * filterWidth * inChannels;
        kernels.pack(address(backend, filter!), panels, rows, outChannels);
      });
      return out;
    });
    return run(call);
  };
}

/** What the filter visits of the input and its borders. */
export function visited(info: ConvInfo): Canvas {
  return {
    height: info.strideHeight * (info.outHeight - 1) + info.filterHeight,
    width: info.strideWidth * (info.outWidth - 1) + info.filterWidth,
    top: info.padInfo.top,
    left: info.padInfo.left,
    apart: [1, 1],
  };
}

/** A 1x1 convolution sees one long row of pixels, so that its tiles are full however small the images are. */
function pointwise(pass: Pass): Pass {
  const { from, to, filter, canvas } = pass;
  const { height, width, top, left, apart } = canvas;
  const moved = top + left > 0 || height !== from[1] || width !== from[2] || apart[0] * apart[1] !== 1;
  if (filter[0] * filter[1] !== 1 || moved || sizeOf(from.slice(0, 3)) !== sizeOf(to.slice(0, 3)))
    return pass;
  const pixels = from[0] * height * width;
  return {
    ...pass,
    from: [1, 1, pixels, from[3]],
    to: [1, 1, pixels, to[3]],
    canvas: { ...canvas, height: 1, width: pixels },
  };
}

/** dL/dx: dy, spread out by the stride, convolved with the filter turned round and its channels exchanged. */
export function directInputGradient(composed: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const run = kernel(({ dy, filter }, backend, attrs) => {
      const inputShape = (attrs as unknown as Attributes).inputShape!;
      const info = geometry(inputShape, filter!.shape, attrs, [dy!, filter!]);
      const pass = info === undefined ? undefined : backwards(info);
      if (info === undefined || pass === undefined) return composed(call);
      const out = backend.makeOutput(info.inShape, "float32");
      convolve(
        backend,
        [address(backend, dy!), address(backend, out)],
        pointwise(pass),
        (kernels, panels) => {
          const taps = info.filterHeight * info.filterWidth;
          kernels.packTurned(address(backend, filter!), panels, taps, info.inChannels, info.outChannels);
        },
      );
      return out;
    });
    return run(call);
  };
}

/**
 * The pass from dy to dx. Not for a 1x1 filter with a stride, where it would mostly multiply zeros, nor for borders
 * wider than the filter.
 */
function backwards(info: ConvInfo): Pass | undefined {
  const { filterHeight, filterWidth, strideHeight, strideWidth } = info;
  const [top, left] = [filterHeight - 1 - info.padInfo.top, filterWidth - 1 - info.padInfo.left];
  if (top < 0 || left < 0 || (filterHeight * filterWidth === 1 && strideHeight * strideWidth > 1)) {
    return undefined;
  }
  const height = info.inHeight + filterHeight - 1;
  const width = info.inWidth + filterWidth - 1;
  return {
    from: info.outShape,
    to: info.inShape,
    filter: [filterHeight, filterWidth],
    strides: [1, 1],
    canvas: { height, width, top, left, apart: [strideHeight, strideWidth] },
  };
}
