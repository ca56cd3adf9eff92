import { PNG } from "pngjs";
import { check, checkPositiveInteger } from "../check.js";
import type { Picture } from "../data/image-grid.js";

/**
 * A picture as a PNG file of RGB, 8 bits each, without loss.
 *
 * @param picture its `width`, `height` and `data` of width * height * 3 bytes, as `imageGrid` gives it
 * @returns the bytes of the file
 * @throws if a size is no positive integer, or `data` are not that many bytes
 * @see https://www.w3.org/TR/png-3/
 * @example
 * ```ts
 * import { encodePng } from "cfd-distill/node";
 * const red = { width: 1, height: 1, data: new Uint8Array([255, 0, 0]) };
 * console.log(encodePng(red).subarray(1, 4)); // Uint8Array [80, 78, 71], "PNG"
 * ```
 */
export function encodePng(picture: Picture): Uint8Array {
  const { width, height, data } = picture;
  checkPositiveInteger(width, "encodePng", "width");
  checkPositiveInteger(height, "encodePng", "height");
  const bytes = width * height * 3;
  const fits = data instanceof Uint8Array && data.length === bytes;
  check(fits, "encodePng", `data of ${bytes} bytes (Uint8Array), RGB`, fits ? data : sizeOf(data));
  const png = new PNG({ width, height });
  png.data = Buffer.from(data);
  return new Uint8Array(PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false }));
}

const sizeOf = (data: unknown) => (data instanceof Uint8Array ? `${data.length} bytes` : data);
