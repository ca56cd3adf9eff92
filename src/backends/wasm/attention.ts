import type * as tf from "@tensorflow/tfjs";
import { FLOAT, panelBytes } from "./geometry.js";
import { address, kernel, withScratch, type WasmBackend } from "./heap.js";
import { kernelsOf, type Kernels } from "./module.js";
import { listBytes, listRows, sumProducts, timesPanels, type Rows } from "./products.js";

// The engine's part of attention: see src/models/attention.ts for what it computes. The scores of a block of queries
// stay in the cache between the products.

/** Queries whose scores are held at a time. */
const BLOCK = 64;

interface Sizes {
  readonly images: number;
  readonly pixels: number;
  readonly channels: number;
  readonly scale: number;
  /** From one row of scores to the next, filled up to whole panels. */
  readonly rowBytes: number;
  readonly matrixBytes: number;
}

function sizes({ shape }: tf.TensorInfo, attrs: Readonly<Record<string, unknown>>): Sizes {
  const [images, pixels, channels] = shape as [number, number, number];
  const rowBytes = panelBytes(pixels, 8);
  const matrixBytes = pixels * channels * FLOAT;
  return { images, pixels, channels, scale: attrs.scale as number, rowBytes, matrixBytes };
}

/** q, k, v to the mix of v and, for the gradient, each query's largest score and 1 / sum of its unscaled weights. */
export const attention: tf.KernelFunc = kernel((inputs, backend, attrs) => {
  const given = [inputs.input0!, inputs.input1!, inputs.input2!];
  const all = sizes(given[0]!, attrs);
  const { images, pixels, channels, rowBytes, matrixBytes } = all;
  const shapes = [given[0]!.shape, [images, pixels, 2]];
  const outputs = shapes.map((shape) => backend.makeOutput(shape, "float32"));
  const kernels = kernelsOf(backend);
  const [q, k, v, out, statistics] = addresses(backend, [...given, ...outputs]);
  const panels = [rowBytes * channels, pixels * panelBytes(channels, 8)] as const;
  const room = [...panels, BLOCK * rowBytes, listBytes(BLOCK), listBytes(BLOCK)];
  withScratch(backend, room, (keys, values, scores, scoreList, mixList) => {
    const { toScores, toChannels } = listBoth(kernels, all, [scoreList, mixList]);
    for (let image = 0; image < images; image++) {
      const at = image * matrixBytes;
      kernels.packRows(k! + at, keys, pixels, channels);
      kernels.pack(v! + at, values, pixels, channels);
      for (let first = 0; first < pixels; first += BLOCK) {
        const rows = Math.min(BLOCK, pixels - first);
        const here = at + first * channels * FLOAT;
        const said = statistics! + (image * pixels + first) * 2 * FLOAT;
        timesPanels(kernels, toScores, [q! + here, keys, scores], [rows, channels, rowBytes / FLOAT]);
        kernels.weigh(scores, said, rows, pixels, rowBytes, all.scale);
        timesPanels(kernels, toChannels, [scores, values, out! + here], [rows, pixels, channels]);
        kernels.normaliseRows(out! + here, said, rows, channels);
      }
    }
  });
  return outputs;
});

const addresses = (backend: WasmBackend, tensors: readonly tf.TensorInfo[]) =>
  tensors.map((tensor) => address(backend, tensor));

/** The rows of products from queries to scores, and back to channels. */
interface Lists {
  readonly toScores: Rows;
  readonly toChannels: Rows;
}

function listBoth(kernels: Kernels, { channels, rowBytes }: Sizes, lists: readonly [number, number]): Lists {
  const query = channels * FLOAT;
  return {
    toScores: listRows(kernels, BLOCK, { list: lists[0], leftBytes: query, outBytes: rowBytes }),
    toChannels: listRows(kernels, BLOCK, { list: lists[1], leftBytes: rowBytes, outBytes: query }),
  };
}

/** Addresses of one image's matrices and of what is worked out of them. */
interface Image {
  readonly q: number;
  readonly k: number;
  readonly v: number;
  readonly dy: number;
  readonly dq: number;
  readonly dk: number;
  readonly dv: number;
  readonly statistics: number;
}

/** Scratch; the names are those of what it holds. */
interface Room extends Lists {
  readonly keys: number;
  readonly values: number;
  readonly keyRows: number;
  readonly scores: number;
  readonly dWeights: number;
  readonly weightPanels: number;
  readonly scorePanels: number;
  readonly queryPanels: number;
  readonly dyPanels: number;
  readonly sumsK: number;
  readonly sumsV: number;
}

/** dy, what {@link attention} was given and said, to the gradients of q, k and v. The weights are made again. */
export const attentionGradient: tf.KernelFunc = kernel((inputs, backend, attrs) => {
  const given = [inputs.input0!, inputs.input1!, inputs.input2!];
  const all = sizes(given[0]!, attrs);
  const { images, pixels, matrixBytes } = all;
  const outputs = given.map(({ shape }) => backend.makeOutput(shape, "float32"));
  const tensors = [...given, inputs.dy!, ...outputs];
  const starts = addresses(backend, tensors);
  const statistics = address(backend, inputs.extra0!);
  withRoom(backend, all, (room) => {
    for (let i = 0; i < images; i++) {
      const [q, k, v, dy, dq, dk, dv] = starts.map((start) => start + i * matrixBytes);
      const image = { q: q!, k: k!, v: v!, dy: dy!, dq: dq!, dk: dk!, dv: dv! };
      imageGradient(backend, all, { ...image, statistics: statistics + i * pixels * 2 * FLOAT }, room);
    }
  });
  return outputs;
});

/** From one panel of 4 columns of a block to the next; a line more than it needs, lest all share a set of the cache. */
const BLOCK_BYTES = BLOCK * 4 * FLOAT + 64;

const sumBytes = ({ pixels, channels }: Sizes) => (panelBytes(pixels, 4) / FLOAT) * panelBytes(channels, 8);

function withRoom(backend: WasmBackend, all: Sizes, use: (room: Room) => void): void {
  const { pixels, channels, rowBytes } = all;
  const turned = rowBytes * channels;
  const block = BLOCK * rowBytes;
  const dealt = Math.ceil(pixels / 4 + 1) * BLOCK_BYTES;
  const packed = BLOCK * panelBytes(channels, 8);
  const bytes = {
    keys: turned,
    values: turned,
    keyRows: pixels * panelBytes(channels, 8),
    scores: block,
    dWeights: block,
    weightPanels: dealt,
    scorePanels: dealt,
    queryPanels: packed,
    dyPanels: packed,
    sumsK: sumBytes(all),
    sumsV: sumBytes(all),
  };
  const names = Object.keys(bytes);
  const lists = [listBytes(BLOCK), listBytes(BLOCK)];
  withScratch(backend, [...lists, ...Object.values(bytes)], (scoreList, mixList, ...parts) => {
    const places = Object.fromEntries(names.map((name, i) => [name, parts[i]!]));
    use({ ...(places as typeof bytes), ...listBoth(kernelsOf(backend), all, [scoreList, mixList]) });
  });
}

function imageGradient(backend: WasmBackend, all: Sizes, image: Image, room: Room): void {
  const kernels = kernelsOf(backend);
  const { pixels, channels } = all;
  kernels.packRows(image.k, room.keys, pixels, channels);
  kernels.packRows(image.v, room.values, pixels, channels);
  kernels.pack(image.k, room.keyRows, pixels, channels);
  for (const sums of [room.sumsK, room.sumsV]) backend.wasm.HEAPU8.fill(0, sums, sums + sumBytes(all));
  for (let first = 0; first < pixels; first += BLOCK) addBlock(kernels, all, image, room, first);
  kernels.collect(room.sumsK, image.dk, 1, pixels, channels);
  kernels.collect(room.sumsV, image.dv, 1, pixels, channels);
}

/** The queries from `first` on: their own gradients, and what they add to those of the keys and values. */
function addBlock(kernels: Kernels, all: Sizes, image: Image, room: Room, first: number): void {
  const { pixels, channels, rowBytes, scale } = all;
  const rows = Math.min(BLOCK, pixels - first);
  const here = first * channels * FLOAT;
  const columns = rowBytes / FLOAT;
  timesPanels(kernels, room.toScores, [image.q + here, room.keys, room.scores], [rows, channels, columns]);
  timesPanels(
    kernels,
    room.toScores,
    [image.dy + here, room.values, room.dWeights],
    [rows, channels, columns],
  );
  const dealt = [room.weightPanels, room.scorePanels] as const;
  const counts = [rows, pixels, rowBytes, BLOCK_BYTES, scale] as const;
  const statistics = image.statistics + first * 2 * FLOAT;
  kernels.weighBackwards(room.scores, room.dWeights, statistics, ...dealt, ...counts);
  timesPanels(
    kernels,
    room.toChannels,
    [room.dWeights, room.keyRows, image.dq + here],
    [rows, pixels, channels],
  );
  kernels.pack(image.q + here, room.queryPanels, rows, channels);
  kernels.pack(image.dy + here, room.dyPanels, rows, channels);
  const sums = { rows: pixels, inner: rows, columns: channels };
  sumProducts(kernels, [room.scorePanels, room.queryPanels, room.sumsK], sums, BLOCK_BYTES);
  sumProducts(kernels, [room.weightPanels, room.dyPanels, room.sumsV], sums, BLOCK_BYTES);
}
