import { correlate, points } from "../convolution/filter-gradient.js";
import { divide, workOf } from "../convolution/division.js";
import { panelBytes } from "../convolution/geometry.js";
import { FLOAT, withScratch, writeInts, type WasmBackend } from "../memory/heap.js";
import { run } from "../threads/jobs.js";

// Matrix products by the kernels for convolutions: a matrix is an image of one row whose pixels are its rows.

/** Rows that a kernel takes together (kernels/products.ts). */
const BLOCK = 192;

/** left [rows, inner] times right [inner, columns], one of them perhaps stored transposed. */
export interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly transposed: "left" | "right" | "none";
}

/** Addresses of the first matrices; the others follow them. */
export interface Matrices {
  readonly left: number;
  readonly right: number;
  readonly out: number;
}

/** Which matrices each product meets. */
export type Pairs = readonly (readonly [left: number, right: number])[];

/** Computes all products. */
export function multiply(backend: WasmBackend, product: Product, at: Matrices, pairs: Pairs): void {
  const { rows, inner, columns, transposed } = product;
  if (transposed !== "left") {
    multiplyRows(backend, product, at, pairs);
    return;
  }
  // A filter's gradient, whose pixels are the inner places.
  const parts = points(inner, rows, columns);
  for (const [i, [left, right]] of pairs.entries()) {
    const x = at.left + left * rows * inner * FLOAT;
    const dy = at.right + right * inner * columns * FLOAT;
    correlate(backend, parts, { x, dy, out: at.out + i * rows * columns * FLOAT });
  }
}

/** Each right-hand side is packed once. */
function multiplyRows(backend: WasmBackend, product: Product, at: Matrices, pairs: Pairs): void {
  const { rows, inner, columns, transposed } = product;
  const distinct = 1 + Math.max(...pairs.map(([, right]) => right));
  const bytes = [distinct * inner * panelBytes(columns, 8), 2 * pairs.length * FLOAT];
  withScratch(backend, bytes, (panels, list) => {
    const packing = { units: distinct * Math.ceil(columns / 8), work: inner * 8 * 8 };
    if (transposed === "right") run(backend, "packTransposed", packing, at.right, panels, columns, inner);
    else run(backend, "packMatrices", packing, at.right, panels, inner, columns);
    writeInts(backend, list, pairs.flat());
    const { units, ...division } = divide(rows, columns);
    const work = workOf({ units, ...division }, inner);
    const job = { units: pairs.length * units, work, room: BLOCK * 2 * FLOAT };
    const sizes = [rows, inner, columns, division.rows, division.panels] as const;
    run(backend, "multiply", job, list, at.left, panels, at.out, ...sizes);
  });
}
