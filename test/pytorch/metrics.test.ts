import { readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { createRng } from "../../src/index.js";
import { decodeNpz, encodeNpz, type StateDict } from "../../src/formats/index.js";
import {
  frechetDistance,
  inceptionScore,
  kernelDistance,
  statistics,
  type Features,
} from "../../src/metrics/index.js";
import { inFolder, readTensors, report, writeTensors } from "./exchange.js";
import { python } from "./python.js";

const stored = ({ values, width }: Features) =>
  ({ dtype: "F32", shape: [values.length / width, width], data: values }) as const;

it("distances and scores of the same features are torchmetrics'", async () => {
  const rng = createRng(0);
  const set = (scale: number): Features => ({
    values: rng.normals(4800).map((x) => x * scale + scale),
    width: 16,
  });
  const [a, b, logits] = [set(1), set(1.3), set(3)];
  const ours = {
    kernel: kernelDistance(a, b, { subsets: 1, subsetSize: 300 }).mean,
    score: inceptionScore(logits, { splits: 1 }).mean,
    frechet: frechetDistance(await statistics(a), await statistics(b)),
  };
  await inFolder(async (path) => {
    await writeTensors(path("features.safetensors"), { a: stored(a), b: stored(b), logits: stored(logits) });
    await python("metrics_features.py", path(""));
    const theirs = await readTensors(path("metrics.safetensors"));
    expect(Object.keys(theirs).sort()).toEqual(Object.keys(ours).sort());
    for (const [name, value] of Object.entries(ours)) {
      const expected = theirs[name]!.data[0] as number;
      report(`${name} of the same features in torchmetrics`, Math.abs(value / expected - 1), 1e-10);
    }
  });
});

it("a .npz file from here, loaded and saved by NumPy, holds the same", async () => {
  const arrays: StateDict = {
    mu: { dtype: "F64", shape: [3], data: Float64Array.of(1 / 3, -0, 2 ** -1074) },
    sigma: { dtype: "F32", shape: [2, 0, 3], data: new Float32Array(0) },
    count: { dtype: "I64", shape: [], data: BigInt64Array.of(-(2n ** 63n)) },
  };
  await inFolder(async (path) => {
    await writeFile(path("ours.npz"), encodeNpz(arrays));
    await python("npz_again.py", path("ours.npz"), path("theirs.npz"));
    expect(decodeNpz(await readFile(path("theirs.npz")))).toEqual(arrays);
  });
});
