import type * as tf from "../../../tfjs.js";
import { panelBytes } from "../convolution/geometry.js";
import { FLOAT, address, withScratch, type WasmBackend } from "../memory/heap.js";
import { PASS, run } from "../threads/jobs.js";
import type { FusedKernel } from "./fused-kernel.js";

// The engine's part of attention: see src/models/attention.ts for what it computes.

/** Queries, or keys, of a unit: as in kernels/attention.ts. */
const BLOCK = 64;

/** Blocks whose weights are held at a time in the backward pass, or those of an image: enough for some threads. */
const HELD = 16;

interface Sizes {
  readonly images: number;
  readonly pixels: number;
  readonly channels: number;
}

const sizesOf = ({ shape: [images, pixels, channels] }: tf.TensorInfo): Sizes => ({
  images: images!,
  pixels: pixels!,
  channels: channels!,
});

const addresses = (backend: WasmBackend, tensors: readonly tf.TensorInfo[]) =>
  tensors.map((tensor) => address(backend, tensor));

/** Bytes of an image's matrix as panels of 8 columns, and of its transpose. */
const packedBytes = ({ pixels, channels }: Sizes) => pixels * panelBytes(channels, 8);
const turnedBytes = ({ pixels, channels }: Sizes) => channels * panelBytes(pixels, 8);

/** Units that are blocks of queries or of keys, each of so many products of a block and a matrix. */
function blocks({ images, pixels, channels }: Sizes, products: number, room: number) {
  const work = products * 2 * Math.min(BLOCK, pixels) * pixels * channels;
  return { units: images * Math.ceil(pixels / BLOCK), work, room };
}

/** Packs each image's matrix, or its transpose. */
function pack(
  backend: WasmBackend,
  [from, to]: readonly [number, number],
  { images, pixels, channels }: Sizes,
  { transpose }: { readonly transpose: boolean },
): void {
  const [name, columns, rows] = transpose
    ? (["packTransposed", pixels, channels] as const)
    : (["packMatrices", channels, pixels] as const);
  const job = { units: images * Math.ceil(columns / 8), work: PASS * 8 * rows };
  run(backend, name, job, from, to, pixels, channels);
}

const turned = { transpose: true };
const plain = { transpose: false };

/** Bytes of two lists of a block's rows, and of their scores. */
const LISTS = 2 * 2 * FLOAT * BLOCK;
const scoreBytes = (pixels: number) => BLOCK * panelBytes(pixels, 8);

/** q, k, v to the mix of v and, for the gradient, each query's largest score and 1 / sum of its unscaled weights. */
export const attention: FusedKernel<"Attention"> = (inputs, backend, { scale }) => {
  const given = [inputs.input0!, inputs.input1!, inputs.input2!];
  const sizes = sizesOf(given[0]!);
  const { images, pixels, channels } = sizes;
  const shapes = [given[0]!.shape, [images, pixels, 2]];
  const outputs = shapes.map((shape) => backend.makeOutput(shape, "float32"));
  const [q, k, v, out, statistics] = addresses(backend, [...given, ...outputs]);
  const packed = [images * turnedBytes(sizes), images * packedBytes(sizes)];
  withScratch(backend, packed, (keys, values) => {
    pack(backend, [k!, keys], sizes, turned);
    pack(backend, [v!, values], sizes, plain);
    const job = blocks(sizes, 2, LISTS + scoreBytes(pixels));
    const places = [q!, keys, values, out!, statistics!];
    run(backend, "attend", job, ...places, pixels, channels, scale);
  });
  return outputs;
};

/** dy, what {@link attention} was given and said, to the gradients of q, k and v. The weights are made again. */
export const attentionGradient: FusedKernel<"AttentionGradient"> = (inputs, backend, { scale }) => {
  const given = [inputs.input0!, inputs.input1!, inputs.input2!];
  const all = sizesOf(given[0]!);
  const outputs = given.map(({ shape }) => backend.makeOutput(shape, "float32"));
  const starts = addresses(backend, [...given, inputs.dy!, ...outputs]);
  const statistics = address(backend, inputs.extra0!);
  const group = Math.ceil(HELD / Math.ceil(all.pixels / BLOCK));
  for (let first = 0; first < all.images; first += group) {
    const sizes = { ...all, images: Math.min(group, all.images - first) };
    const pixels = first * all.pixels;
    const places = starts.map((start) => start + pixels * all.channels * FLOAT);
    gradients(backend, [...places, statistics + pixels * 2 * FLOAT], sizes, scale);
  }
  return outputs;
};

/** Bytes of weights packed in panels of 4 keys, `keyPanelBytes` of kernels/attention.ts apart. */
const keysBytes = (pixels: number) => (panelBytes(pixels, 8) / 16) * (pixels * 16 + 64);

/** A group of images; the places are q, k, v, dy, dq, dk, dv and statistics. */
function gradients(backend: WasmBackend, places: number[], sizes: Sizes, scale: number): void {
  const [q, k, v, dy, dq, dk, dv, statistics] = places as Places;
  const { images, pixels, channels } = sizes;
  const [across, along] = [images * turnedBytes(sizes), images * packedBytes(sizes)];
  const byKeys = images * keysBytes(pixels);
  withScratch(backend, [across, across, along, along, along, byKeys, byKeys], (...room) => {
    const [keys, values, keyRows, queries, dys, weights, scores] = room as Room;
    pack(backend, [k, keys], sizes, turned);
    pack(backend, [v, values], sizes, turned);
    pack(backend, [k, keyRows], sizes, plain);
    pack(backend, [q, queries], sizes, plain);
    pack(backend, [dy, dys], sizes, plain);
    const made = [q, dy, dq, statistics, keys, values, keyRows, weights, scores];
    const byQuery = blocks(sizes, 3, LISTS + 2 * scoreBytes(pixels));
    run(backend, "attendBackwards", byQuery, ...made, pixels, channels, scale);
    const byKey = blocks(sizes, 2, (BLOCK / 4) * Math.ceil(channels / 8) * 128);
    const summed = [weights, scores, queries, dys, dk, dv];
    run(backend, "attendKeysBackwards", byKey, ...summed, pixels, channels);
  });
}

type Room = [number, number, number, number, number, number, number];
type Places = [...Room, number];
