import { check } from "../check.js";
import { checkSameEntries } from "../training/params.js";
import type { Params } from "../types.js";

/** Where one weight lies in the shared memory, in numbers from its start. */
export interface Entry {
  readonly name: string;
  readonly shape: number[];
  readonly trainable: boolean;
  readonly offset: number;
  readonly size: number;
}

/** All weights in the order of their names, the same in every thread. */
export type Layout = readonly Entry[];

/** The layout of `params`. Throws if a weight is not float32. */
export function layoutOf(params: Params, where: string): Layout {
  let offset = 0;
  return Object.keys(params)
    .sort()
    .map((name) => {
      const { shape, trainable, size, dtype } = params[name]!;
      check(dtype === "float32", where, `"${name}" in float32`, dtype);
      const entry = { name, shape: [...shape], trainable, offset, size };
      offset += size;
      return entry;
    });
}

/** Throws unless both have the same names, shapes and trainable entries; the error says which differ. */
export function checkSameLayout(expected: Layout, got: Layout, where: string, what: string): void {
  const byName = (layout: Layout) => Object.fromEntries(layout.map((entry) => [entry.name, entry]));
  checkSameEntries(byName(expected), byName(got), where, what);
  const odd = got.find((entry, i) => entry.trainable !== expected[i]!.trainable);
  const state = (trainable: boolean) => (trainable ? "trainable" : "not trainable");
  if (odd) check(false, where, `"${odd.name}" to be ${state(!odd.trainable)}`, state(odd.trainable));
}

/** How many numbers all weights have together. */
export function totalSize(layout: Layout): number {
  const last = layout.at(-1);
  return last === undefined ? 0 : last.offset + last.size;
}
