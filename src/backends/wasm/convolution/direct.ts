import type * as tf from "../../../tfjs.js";
import { divide, workOf } from "./division.js";
import { describeAdded, EPILOGUE, type Added } from "./epilogue.js";
import { geometry, panelBytes, type Attributes, type ConvInfo } from "./geometry.js";
import { FLOAT, address, kernel, sizeOf, withScratch, writeInts, type WasmBackend } from "../memory/heap.js";
import { run } from "../threads/jobs.js";
import { backwards, forwards, type Pass, type Sweep } from "./sweeps.js";
import { backward, forward, suits, winograd } from "./winograd.js";

// Convolutions by this library's own kernels (kernels/): direct, without im2col.

/** Pixels that a kernel takes together (kernels/direct.ts). */
const BLOCK = 192;

/** Numbers in the kernel's description of a sweep. */
const PLAN = 21;

/** tf.conv2d; `stock` does what these kernels do not: dilations, other layouts and types. */
export function convolution(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const compute = kernel<Attributes>(({ x, filter }, backend, attrs) => {
      const info = geometry(x!.shape, filter!.shape, attrs, [x!, filter!]);
      if (info === undefined) return stock(call);
      return convolveForward(backend, [x!, filter!], info);
    });
    return compute(call);
  };
}

/** The convolution of an input with a filter, and what is added to it. */
export function convolveForward(
  backend: WasmBackend,
  [x, filter]: readonly [tf.TensorInfo, tf.TensorInfo],
  info: ConvInfo,
  added: Added = {},
): tf.TensorInfo {
  const { inChannels, outChannels } = info;
  if (suits(info)) return winograd(backend, x, filter, { ...forward(info), added });
  const weights = address(backend, filter);
  return convolve(backend, x, { ...forwards(info), added }, (panels, { taps }) => {
    const rows = taps.length * inChannels;
    const job = { units: Math.ceil(outChannels / 8), work: rows * 8 * 8 };
    run(backend, "packMatrices", job, weights, panels, rows, outChannels);
  });
}

/** dL/dx: dy convolved with the filter turned round and its channels exchanged. */
export function directInputGradient(composed: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const compute = kernel<Attributes>(({ dy, filter }, backend, attrs) => {
      const inputShape = attrs.inputShape!;
      const info = geometry(inputShape, filter!.shape, attrs, [dy!, filter!]);
      if (info === undefined) return composed(call);
      return convolveBackward(backend, [dy!, filter!], info);
    });
    return compute(call);
  };
}

/** dL/dx of {@link convolveForward}. */
export function convolveBackward(
  backend: WasmBackend,
  [dy, filter]: readonly [tf.TensorInfo, tf.TensorInfo],
  info: ConvInfo,
): tf.TensorInfo {
  const { inChannels, outChannels } = info;
  if (suits(info)) return winograd(backend, dy, filter, backward(info));
  const weights = address(backend, filter);
  return convolve(backend, dy, backwards(info), (panels, { taps }) => {
    withScratch(backend, [taps.length * FLOAT], (list) => {
      writeInts(backend, list, taps);
      const job = { units: Math.ceil(inChannels / 8), work: taps.length * outChannels * 8 * 8 };
      run(backend, "packTaps", job, weights, panels, list, taps.length, inChannels, outChannels);
    });
  });
}

/** Writes the weights of a sweep's filter as the kernels want them. */
type Pack = (panels: number, sweep: Sweep) => void;

function convolve(backend: WasmBackend, input: tf.TensorInfo, pass: Pass, pack: Pack): tf.TensorInfo {
  const { from, to, added = {} } = pass;
  const out = backend.makeOutput(to, "float32");
  const target = address(backend, out) >>> 0;
  const sweeps = pass.sweeps.filter(({ taps }) => taps.length > 0);
  // Pixels that no tap meets.
  if (sweeps.length < pass.sweeps.length) backend.wasm.HEAPU8.fill(0, target, target + sizeOf(to) * FLOAT);
  for (const sweep of sweeps) {
    const bytes = [(PLAN + EPILOGUE) * FLOAT, sweep.taps.length * from[3] * panelBytes(to[3], 8)];
    withScratch(backend, bytes, (plan, panels) => {
      pack(panels, sweep);
      const division = divide(from[0] * sizeOf(sweep.size), to[3]);
      const epilogue = describeAdded(backend, added, out);
      writeInts(backend, plan, [...describe(pass, sweep), division.rows, division.panels, ...epilogue]);
      const work = workOf(division, sweep.taps.length * from[3]);
      const job = { units: division.units, work, room: roomOf(pass, sweep) };
      const first = target + (sweep.to[0] * to[2] + sweep.to[1]) * to[3] * FLOAT;
      run(backend, "convolve", job, plan, address(backend, input), panels, first);
    });
  }
  return out;
}

/** Whether a sweep visits nothing but pixels that are given. */
function isBare([, height, width]: Pass["from"], { canvas }: Sweep): boolean {
  const { top, left } = canvas;
  return top <= 0 && left <= 0 && canvas.height <= height + top && canvas.width <= width + left;
}

/** The numbers of kernels/direct.ts's Sweep, but for the division. */
function describe({ from, to }: Pass, sweep: Sweep): number[] {
  const [batch, height, width, channels] = from;
  const { canvas, size, by, filter, apart } = sweep;
  const pixelBytes = to[3] * FLOAT;
  const rowBytes = to[2] * pixelBytes;
  return [
    ...[height, width, channels],
    ...[canvas.height, canvas.width, canvas.top, canvas.left, Number(isBare(from, sweep))],
    ...[...size, batch * sizeOf(size)],
    ...[...by, ...filter, to[3]],
    ...[to[1] * rowBytes, apart[0] * rowBytes, apart[1] * pixelBytes],
  ];
}

/** Bytes for a block's list of pixels and for the canvas rows that it visits, at most. */
function roomOf({ from }: Pass, sweep: Sweep): number {
  const { canvas, size, by, filter } = sweep;
  const list = BLOCK * 2 * FLOAT;
  if (isBare(from, sweep)) return list;
  const steps = Math.min(from[0] * size[0] - 1, Math.ceil((BLOCK - 1) / size[1]));
  const images = Math.min(from[0] - 1, Math.ceil(steps / size[0]));
  const rows = steps * by[0] + images * Math.max(0, canvas.height - size[0] * by[0]) + filter[0];
  return list + rows * canvas.width * from[3] * FLOAT;
}
