import { PNG } from "pngjs";
import { describe, expect, it } from "vitest";
import { encodePng } from "../../src/node/index.js";

describe("encodePng", () => {
  it("keeps every byte", () => {
    const data = Uint8Array.from({ length: 5 * 3 * 3 }, (_, i) => (i * 37) % 256);
    const png = encodePng({ width: 5, height: 3, data });
    expect(png.constructor).toBe(Uint8Array);
    expect(png.byteLength).toBe(png.buffer.byteLength);
    const read = PNG.sync.read(Buffer.from(png));
    expect([read.width, read.height]).toEqual([5, 3]);
    expect(read.data.filter((_, i) => i % 4 < 3)).toEqual(Buffer.from(data));
    expect(png[25]).toBe(2); // colour type: RGB (PNG, Section 11.2.1)
  });

  it.each([
    [{ width: 0, height: 1, data: new Uint8Array() }, "width to be a positive integer, got 0."],
    [{ width: 1, height: 1.5, data: new Uint8Array(3) }, "height to be a positive integer, got 1.5."],
    [{ width: 2, height: 1, data: new Uint8Array(8) }, "data of 6 bytes (Uint8Array), RGB, got 8 bytes."],
    [{ width: 1, height: 1, data: [1, 2, 3] }, "data of 3 bytes (Uint8Array), RGB, got [1,2,3]."],
  ])("refuses %o", (picture, message) => {
    expect(() => encodePng(picture as never)).toThrow(`encodePng: expected ${message}`);
  });
});
