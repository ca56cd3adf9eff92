// What the emoji's pictures are judged by, on pictures of a few pixels.
import { expect, it } from "vitest";
import { nearestDistances, whiteShare, withMirrored } from "../../tools/emoji/measures.js";

const shape = [3, 3, 1] as const;
const pictures = (...values: number[][]) => ({ values: Float32Array.from(values.flat()), shape });
/** White around one pixel, and all black. */
const framed = [1, 1, 1, 1, -1, 1, 1, 1, 1];
const black = Array<number>(9).fill(-1);

it("white is what is white in every channel, at the edges alone", () => {
  expect(whiteShare(pictures(framed))).toBe(1);
  expect(whiteShare(pictures(framed, black))).toBe(0.5);
  expect(whiteShare(pictures([0.94, 0.96, ...framed.slice(2)]))).toBe(7 / 8);
  const [red, white] = [
    [1, 0, 0],
    [1, 1, 1],
  ];
  const colours = Array.from({ length: 9 }, (_, i) => (i === 0 ? red : white)).flat();
  expect(whiteShare({ values: Float32Array.from(colours), shape: [3, 3, 3] })).toBe(7 / 8);
});

it("the nearest of others is near by its root mean square, mirrored or not", () => {
  const left = [1, -1, -1, 1, -1, -1, 1, -1, -1];
  const right = [-1, -1, 1, -1, -1, 1, -1, -1, 1];
  expect(nearestDistances(pictures(left, black), pictures(black))).toEqual([Math.sqrt((3 * 4) / 9), 0]);
  expect(nearestDistances(pictures(left), pictures(right))[0]).toBeCloseTo(Math.sqrt((6 * 4) / 9), 6);
  expect(nearestDistances(pictures(left), withMirrored(pictures(right)))).toEqual([0]);
  expect([...withMirrored(pictures(left)).values]).toEqual([...left, ...right]);
});
