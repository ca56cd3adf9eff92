import { expect } from "vitest";
import { toFloat32, type StoredTensor } from "../../src/formats/index.js";

/** The largest difference, as a share of the largest expected value. */
export function differenceOf(actual: StoredTensor | undefined, expected: StoredTensor | undefined): number {
  expect(actual?.shape).toEqual(expected?.shape);
  const [got, want] = [toFloat32(actual!), toFloat32(expected!)];
  const largest = want.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return want.reduce((max, value, i) => Math.max(max, Math.abs(value - got[i]!)), 0) / largest;
}
