import type * as tf from "@tensorflow/tfjs";
import { FLOAT, panelBytes, type ConvInfo } from "./geometry.js";
import { pad } from "./ground.js";
import { address, withScratch, type WasmBackend } from "./heap.js";
import { kernelsOf, type Kernels } from "./module.js";
import { sumProducts } from "./products.js";
import { forward, matrixBytes, plan, type Plan } from "./winograd.js";

// The filter's gradient through the same 16 products as winograd.ts: with Y = A^T [(G g G^T) * (B^T d B)] A, it is
// G^T [sum over all tiles of (B^T d B) * (A dy A^T)] G.

/** Addresses of the scratch. */
interface Room {
  readonly padded: number;
  /** Matrices of transformed tiles of x and dy, [place in a tile, tile, channel]. */
  readonly spread: number;
  readonly spreadDy: number;
  /** One of each, in panels. */
  readonly left: number;
  readonly right: number;
  readonly sums: number;
  readonly filters: number;
}

export function winogradFilterGradient(
  backend: WasmBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  info: ConvInfo,
): tf.TensorInfo {
  const kernels = kernelsOf(backend);
  const all = plan(forward(info));
  const { from, to, ground, images, rows } = all;
  const [inputs, outputs] = [from[3], to[3]];
  const out = backend.makeOutput([3, 3, inputs, outputs], "float32");
  const sumBytes = (panelBytes(inputs, 4) / FLOAT) * panelBytes(outputs, 8);
  const bytes: Room = {
    padded: ground.bare ? 0 : images * ground.imageBytes,
    spread: 16 * matrixBytes(rows, inputs),
    spreadDy: 16 * matrixBytes(rows, outputs),
    left: rows * panelBytes(inputs, 4),
    right: rows * panelBytes(outputs, 8),
    sums: 16 * sumBytes,
    filters: 16 * matrixBytes(inputs, outputs),
  };
  const names = Object.keys(bytes);
  withScratch(backend, Object.values(bytes) as number[], (...parts) => {
    const room = Object.fromEntries(names.map((name, i) => [name, parts[i]!])) as unknown as Room;
    const clear = (at: number, count: number) => backend.wasm.HEAPU8.fill(0, at, at + count);
    clear(room.padded, bytes.padded);
    clear(room.sums, bytes.sums);
    for (let image = 0; image < from[0]; image += images) {
      const count = Math.min(images, from[0] - image);
      const source = address(backend, x) + image * from[1] * from[2] * inputs * FLOAT;
      for (let i = 0; i < count && !ground.bare; i++) pad(kernels, all, ground, [source, room.padded, i]);
      const start = ground.bare ? source + ground.skip : room.padded;
      const gradients = address(backend, dy) + image * to[1] * to[2] * outputs * FLOAT;
      addImages(kernels, all, room, [start, gradients, count]);
    }
    for (let place = 0; place < 16; place++) {
      const matrix = room.filters + place * matrixBytes(inputs, outputs);
      kernels.collect(room.sums + place * sumBytes, matrix, 1, inputs, outputs);
    }
    const target = address(backend, out);
    kernels.gatherFilters(room.filters, target, inputs * outputs, matrixBytes(inputs, outputs));
  });
  return out;
}

/** Adds what some images contribute to the sums. */
function addImages(
  kernels: Kernels,
  { from, to, ground, down, across, rows }: Plan,
  room: Room,
  [source, gradients, images]: readonly [number, number, number],
): void {
  const [inputs, outputs] = [from[3], to[3]];
  const [xBytes, dyBytes] = [matrixBytes(rows, inputs), matrixBytes(rows, outputs)];
  const sumBytes = (panelBytes(inputs, 4) / FLOAT) * panelBytes(outputs, 8);
  for (let first = 0; first < down * across; first += rows) {
    const end = Math.min(first + rows, down * across);
    const tiles = images * (end - first);
    for (let i = 0; i < images; i++) {
      const place = i * (end - first) * FLOAT;
      const image = source + i * ground.imageBytes;
      const at = room.spread + place * inputs;
      kernels.spreadTiles(image, at, first, end, across, inputs, ground.rowBytes, xBytes);
      const dy = gradients + i * to[1] * to[2] * outputs * FLOAT;
      const dyAt = room.spreadDy + place * outputs;
      kernels.spreadGradients(dy, dyAt, first, end, across, outputs, to[1], to[2], dyBytes);
    }
    for (let place = 0; place < 16; place++) {
      const panel = tiles * 4 * FLOAT;
      kernels.deal(room.spread + place * xBytes, room.left, 1, tiles, 0, inputs, 4, panel, 0);
      kernels.pack(room.spreadDy + place * dyBytes, room.right, tiles, outputs);
      const sums = room.sums + place * sumBytes;
      const product = { rows: inputs, inner: tiles, columns: outputs };
      sumProducts(kernels, [room.left, room.right, sums], product, panel);
    }
  }
}
