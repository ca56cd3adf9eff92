import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { describe, expect, it, vi } from "vitest";
import { createRng } from "../../src/index.js";
import { withScratch } from "../../src/backends/wasm/heap.js";
import type { run } from "../../src/backends/wasm/jobs.js";
import { kernelsOf } from "../../src/backends/wasm/module.js";
import { runnableBuilds, useWasm } from "./builds.js";
import { draw, evaluate, examples } from "./convolutions.js";

// Whoever computes which units of a job, in whatever order: the bits are the same, and nothing of the room is taken for
// something that it was before.

type Ranges = (units: number) => readonly (readonly [first: number, end: number])[];

const ways: Record<string, Ranges> = {
  "in one call": (units) => [[0, units]],
  "one by one from the last": (units) =>
    Array.from({ length: units }, (_, i) => [units - 1 - i, units - i] as const),
  "by threes from the last": (units) =>
    Array.from(
      { length: Math.ceil(units / 3) },
      (_, i) => [3 * i, Math.min(units, 3 * i + 3)] as const,
    ).reverse(),
  "in halves": (units) => [
    [units >> 1, units],
    [0, units >> 1],
  ],
};

const state = vi.hoisted(() => ({ way: "in one call", jobs: new Set<string>() }));

vi.mock("../../src/backends/wasm/jobs.js", () => {
  const divided: typeof run = (backend, name, { units, room = 0 }, ...values) => {
    state.jobs.add(name);
    for (const [first, end] of ways[state.way]!(units)) {
      withScratch(backend, [Math.max(room, 1)], (at) => {
        backend.wasm.HEAPU8.fill(0xff, at, at + room);
        kernelsOf(backend)[name](first, end, room === 0 ? 0 : at, ...values);
      });
    }
  };
  return { run: divided };
});

const bitsOf = (results: readonly Float32Array[]) =>
  results.map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength).toString("hex"),
  );

/** The results must be finite, and the same bits in all ways. */
async function expectSame(compute: () => Promise<Float32Array[]>, what: string): Promise<void> {
  state.way = "in one call";
  const results = await compute();
  expect(
    results.every((values) => values.every(Number.isFinite)),
    what,
  ).toBe(true);
  const expected = bitsOf(results);
  for (const way of Object.keys(ways)) {
    state.way = way;
    expect(bitsOf(await compute()), `${what} ${way}`).toEqual(expected);
  }
}

const products: [left: number[], right: number[], transposeA: boolean, transposeB: boolean][] = [
  [[150, 7], [7, 20], false, false],
  [[9, 30], [30, 100], false, false],
  [[3, 60, 9], [3, 17, 9], false, true],
  [[2, 1030, 9], [1, 1030, 21], true, false],
  [[2, 5, 9], [2, 8, 5], true, true],
];

const rng = createRng(23);

describe.each(await runnableBuilds())("jobs on wasm, %s SIMD", (build) => {
  it("give the same bits for convolutions and their gradients", async () => {
    await useWasm(build);
    for (const shape of examples) {
      const values = draw(shape);
      await expectSame(() => evaluate(values, shape), JSON.stringify(shape));
    }
  });

  it("give the same bits for products", async () => {
    await useWasm(build);
    for (const [left, right, transposeA, transposeB] of products) {
      const tensors = [left, right].map((shape) =>
        tf.tensor(rng.normals(tf.util.sizeFromShape(shape)), shape),
      );
      await expectSame(async () => {
        const product = tf.matMul(tensors[0]!, tensors[1]!, transposeA, transposeB);
        const data = (await product.data<"float32">()).slice();
        product.dispose();
        return [data];
      }, `${left.join()} by ${right.join()}`);
      tf.dispose(tensors);
    }
  });

  it("are these", () => {
    const names = [
      ...["convolve", "packMatrices", "packTaps", "packTransposed", "multiply"],
      ...["deal", "correlatePanels", "collectPanels"],
      ...["convolveTiles", "packFilters", "packTurned", "spreadPanels", "sumPlaces", "gatherFilters"],
    ];
    expect([...state.jobs]).toEqual(expect.arrayContaining(names));
  });
});
