import type { Picture } from "cfd-distill/data";
import { PNG } from "pngjs";

/** The picture as the bytes of a PNG file. */
export function encodePng(picture: Picture): Buffer {
  const png = new PNG({ width: picture.width, height: picture.height });
  png.data = Buffer.from(picture.data);
  return PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
}
