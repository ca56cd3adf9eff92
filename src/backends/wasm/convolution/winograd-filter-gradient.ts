import type * as tf from "../../../tfjs.js";
import { panelBytes } from "./geometry.js";
import { FLOAT, address, withScratch, writeInts, type WasmBackend } from "../memory/heap.js";
import { run } from "../threads/jobs.js";
import {
  describe,
  FILTER_ROOM,
  matrixBytes,
  PLAN,
  PLACES,
  tileRoom,
  tilesOf,
  type Winograd,
} from "./winograd.js";

// The filter's gradient through the same products as winograd.ts: with Y = A^T [(G g G^T) * (B^T d B)] A, it is
// G^T [sum over all tiles of (B^T d B) * (A dy A^T)] G.

/** Bytes of transformed tiles that wait for their products, about: more save sums, fewer stay in the cache. */
const BLOCK_BYTES = 2 ** 20;
const LEAST_TILES = 48;

/** Of the filter of a {@link Winograd} forward. */
export function winogradFilterGradient(
  backend: WasmBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  task: Winograd,
): tf.TensorInfo {
  const [inputs, outputs] = [task.from[3], task.to[3]];
  const out = backend.makeOutput([3, 3, inputs, outputs], "float32");
  const sumBytes = matrixBytes(inputs, panelBytes(outputs, 8) / FLOAT);
  withScratch(backend, [PLACES * sumBytes], (sums) => {
    addTiles(backend, task, [address(backend, x), address(backend, dy), sums], sumBytes);
    const units = (inputs / 4) * Math.ceil(outputs / 16);
    const job = { units, work: PLACES * 4 * 16 * 8, room: FILTER_ROOM };
    const sizes = [inputs, outputs, sumBytes] as const;
    run(backend, "transformFiltersBackwards", job, sums, address(backend, out), ...sizes);
  });
  return out;
}

/** Sums the products of all tiles, block by block. */
function addTiles(
  backend: WasmBackend,
  task: Winograd,
  [x, dy, sums]: readonly [number, number, number],
  sumBytes: number,
): void {
  const [inputs, outputs] = [task.from[3], task.to[3]];
  const columns = panelBytes(outputs, 8) / FLOAT;
  const most = Math.max(LEAST_TILES, Math.floor(BLOCK_BYTES / (PLACES * (inputs + columns) * FLOAT)));
  const tiles = tilesOf(task);
  const block = Math.ceil(tiles / Math.ceil(tiles / most));
  const bytes = [matrixBytes(block, inputs), matrixBytes(block, columns)] as const;
  const room = tileRoom(Math.max(inputs, outputs));
  withScratch(backend, [PLAN * FLOAT, ...bytes.map((each) => PLACES * each)], (plan, left, right) => {
    writeInts(backend, plan, describe(task, { rows: 0, panels: 0 }, [...bytes, 0]));
    for (let first = 0; first < tiles; first += block) {
      const count = Math.min(block, tiles - first);
      const transforming = { units: count, work: 8 * PLACES * (inputs + outputs), room };
      run(backend, "transformPanels", transforming, plan, x, dy, left, right, first, count);
      const products = { units: (PLACES * columns) / 8, work: 2 * count * inputs * 8 };
      const fresh = Number(first === 0);
      run(backend, "sumPlaces", products, plan, left, right, sums, sumBytes, count, fresh);
    }
  });
}
