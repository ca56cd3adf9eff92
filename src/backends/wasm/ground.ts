import { FLOAT, type Canvas } from "./geometry.js";
import type { Kernels } from "./module.js";

/** Images [batch, height, width, channels], and the canvas each of them is put on. */
export interface Placed {
  readonly from: readonly [number, number, number, number];
  readonly canvas: Canvas;
}

/** Where the canvas lies in memory. */
export interface Ground {
  /** Within the input itself, `skip` bytes from its beginning; otherwise it is copied. */
  readonly bare: boolean;
  readonly skip: number;
  readonly rowBytes: number;
  readonly imageBytes: number;
}

export function groundOf({ from, canvas }: Placed): Ground {
  const [, height, width, channels] = from;
  const { top, left } = canvas;
  const inside = canvas.height <= height + top && canvas.width <= width + left;
  const bare = top <= 0 && left <= 0 && inside;
  const rowBytes = (bare ? width : canvas.width) * channels * FLOAT;
  const imageBytes = (bare ? height : canvas.height) * rowBytes;
  return { bare, skip: -top * rowBytes - left * channels * FLOAT, rowBytes, imageBytes };
}

/** Copies image `i` of those at `source` to its place on the canvas. */
export function pad(
  kernels: Kernels,
  { from, canvas }: Placed,
  { rowBytes, imageBytes }: Ground,
  [source, padded, i]: readonly [number, number, number],
): void {
  const [, height, width, channels] = from;
  const { top, left } = canvas;
  const pixelBytes = channels * FLOAT;
  const rows = overlap(height, canvas.height, top);
  const columns = overlap(width, canvas.width, left);
  kernels.pad(
    source + ((i * height + rows.skipped) * width + columns.skipped) * pixelBytes,
    padded + i * imageBytes + Math.max(0, top) * rowBytes + Math.max(0, left) * pixelBytes,
    rows.count,
    columns.count * pixelBytes,
    width * pixelBytes,
    rowBytes,
  );
}

/** Which of `given` pixels lie on a canvas of `size`, if the first lies at `start`. */
export function overlap(given: number, size: number, start: number): { skipped: number; count: number } {
  const skipped = Math.max(0, -start);
  return { skipped, count: Math.max(0, Math.min(given - skipped, size - Math.max(0, start))) };
}
