import { FLOAT, panelBytes } from "./geometry.js";
import { withScratch, type WasmBackend } from "./heap.js";
import { kernelsOf, type Kernels } from "./module.js";

// Matrix products by the kernels for convolutions: a matrix is an image of one row whose pixels are its rows.

/** Inner places whose products are summed before they are added to the rest: 16 kB of a panel, half of an L1 cache. */
const BLOCK = 512;

/** Rows of the left matrix that are listed for the kernel, at most. */
const LISTED = 1536;

/** left [rows, inner] times right [inner, columns], either of them perhaps stored transposed. */
export interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Addresses of one product's matrices. */
export interface Matrices {
  readonly left: number;
  readonly right: number;
  readonly out: number;
}

/** Computes all products; what neighbours have on the right is packed once. */
export function multiply(backend: WasmBackend, product: Product, places: Iterable<Matrices>): void {
  const kernels = kernelsOf(backend);
  const { rows, inner, columns, transposeA, transposeB } = product;
  // A single row or column is stored alike either way.
  const turnLeft = transposeA && rows > 1 && inner > 1;
  const turnRight = transposeB && columns > 1 && inner > 1;
  const dealtBytes = turnLeft ? inner * panelBytes(rows, 4) : 0;
  const sumBytes = turnLeft ? (panelBytes(rows, 4) * panelBytes(columns, 8)) / FLOAT : 0;
  const room = [inner * panelBytes(columns, 8), dealtBytes, sumBytes, turnLeft ? 0 : listBytes(rows)];
  withScratch(backend, room, (panels, dealt, sums, list) => {
    const apart = { leftBytes: inner * FLOAT, outBytes: columns * FLOAT };
    const listed = listRows(kernels, turnLeft ? 0 : rows, { list, ...apart });
    // Spare lanes stay zero.
    backend.wasm.HEAPU8.fill(0, dealt, dealt + dealtBytes);
    let packed: number | undefined;
    for (const { left, right, out } of places) {
      if (right !== packed) {
        if (turnRight) kernels.packRows(right, panels, columns, inner);
        else kernels.pack(right, panels, inner, columns);
        packed = right;
      }
      if (turnLeft) {
        kernels.deal(left, dealt, 1, inner, 0, rows, 4, inner * 4 * FLOAT, 0);
        backend.wasm.HEAPU8.fill(0, sums, sums + sumBytes);
        sumProducts(kernels, [dealt, panels, sums], product, inner * 4 * FLOAT);
        kernels.collect(sums, out, 1, rows, columns);
      } else {
        timesPanels(kernels, listed, [left, panels, out], [rows, inner, columns]);
      }
    }
  });
}

/** Rows of left sides in a list for the kernel, and how far they and those of the products are apart. */
export interface Rows {
  readonly list: number;
  readonly leftBytes: number;
  readonly outBytes: number;
}

export const listBytes = (rows: number) => Math.min(LISTED, rows) * 2 * FLOAT;

/** Lists `rows` rows, in {@link listBytes} at `list`. */
export function listRows(kernels: Kernels, rows: number, { list, leftBytes, outBytes }: Rows): Rows {
  kernels.listPixels(list, 1, 1, Math.min(LISTED, rows), 0, 0, leftBytes, 0, 0, outBytes);
  return { list, leftBytes, outBytes };
}

/** out = left times what `pack` made panels of, for at most as many rows as were listed. */
export function timesPanels(
  kernels: Kernels,
  { list, leftBytes, outBytes }: Rows,
  [left, panels, out]: readonly [number, number, number],
  [rows, inner, columns]: readonly [number, number, number],
): void {
  for (let first = 0; first < rows; first += LISTED) {
    const [from, to] = [left + first * leftBytes, out + first * outBytes];
    const count = Math.min(LISTED, rows - first);
    kernels.convolveListed(from, list, count, panels, to, columns, 1, inner, 0);
  }
}

/**
 * Adds left^T right to the tiles `sums`. Both are in panels, of 4 rows of the result, `leftPanel` bytes apart, and of
 * 8 of its columns.
 */
export function sumProducts(
  kernels: Kernels,
  [left, right, sums]: readonly [number, number, number],
  { rows, inner, columns }: Pick<Product, "rows" | "inner" | "columns">,
  leftPanel: number,
): void {
  const counts = [Math.ceil(rows / 4), Math.ceil(columns / 8)] as const;
  const sizes = [leftPanel, inner * 8 * FLOAT, 0, 0, 0, 0, 4 * FLOAT] as const;
  for (let first = 0; first < inner; first += BLOCK) {
    const at = [left + first * 4 * FLOAT, right + first * 8 * FLOAT] as const;
    kernels.correlate(...at, sums, 1, 0, 1, Math.min(BLOCK, inner - first), 1, 1, ...counts, ...sizes);
  }
}
