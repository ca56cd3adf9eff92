// With its weights' layout and PyTorch's numbers the network is tested in test/pytorch/inception.test.ts.
import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { inception } from "../../src/index.js";
import { inceptionFromTorch, type StateDict } from "../../src/formats/index.js";
import { sizeOf } from "../../src/formats/state-dict.js";
import { inceptionSpecs, resized } from "../../src/models/inception.js";
import { layerSpecs, runLayers, type Layer } from "../../src/models/inception-layers.js";

it("has the weights of Inception-v3 with 1008 classes, batch norms folded in", () => {
  const count = Object.values(inceptionSpecs()).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  // Keras says 23,851,784: 1000 classes, and 3 numbers for each of 17,216 channels (offset, running mean and variance)
  // where there is one bias here.
  expect(count).toBe(23_851_784 + 8 * 2049 - 2 * 17_216);
});

it("runs convolutions, pools and forks: averages leave out the padding, halves take every other place", async () => {
  const x = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
  const conv = { kind: "conv", name: "c", out: 1, size: [1, 3], stride: 1, padding: "same" } as const;
  const pools = (["average", "max"] as const).map((kind): Layer[] => [{ kind }]);
  const layers: Layer[] = [{ kind: "fork", branches: [...pools, [{ kind: "fork", branches: [[conv]] }]] }];
  expect(Object.keys(layerSpecs(layers, 1).specs)).toEqual(["c.weight", "c.bias"]);
  expect(layerSpecs(layers, 1).width).toBe(3);
  const params = {
    "c.weight": tf.variable(tf.tensor4d([1, 0, -1], [1, 3, 1, 1])),
    "c.bias": tf.variable(tf.tensor1d([0.5])),
  };
  const before = tf.memory().numTensors;
  const [y, half] = [runLayers(layers, params, x), runLayers([{ kind: "half" }], params, x)];
  expect(tf.memory().numTensors).toBe(before + 2);
  const values = await y.data();
  const column = (c: number) => Array.from({ length: 9 }, (_, i) => values[3 * i + c]);
  expect(column(0)).toEqual([3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7]);
  expect(column(1)).toEqual([5, 6, 6, 8, 9, 9, 8, 9, 9]);
  expect(column(2)).toEqual([0, 0, 2.5, 0, 0, 5.5, 0, 0, 8.5]); // relu(left - right + 1/2)
  expect([...(await half.data())]).toEqual([9]);
  tf.dispose([x, y, half, params]);
});

it("resizes between pixel centres, or as TensorFlow 1 between corners, and scales", async () => {
  const row = tf.tensor4d([-1, 1], [1, 1, 2, 1]);
  const firstRow = async (resize: "pytorch-fid" | "torch-fidelity") => {
    const image = resized(row, resize);
    expect(image.shape).toEqual([1, 299, 299, 1]);
    const values = await image.data();
    image.dispose();
    return values;
  };
  const [centres, corners] = [await firstRow("pytorch-fid"), await firstRow("torch-fidelity")];
  for (const i of [0, 50, 100, 149, 200, 298]) {
    const centre = Math.min(1, Math.max(0, ((i + 0.5) * 2) / 299 - 0.5));
    expect(Math.abs(centres[i]! - (2 * centre - 1))).toBeLessThan(1e-5);
    const corner = Math.min(1, (i * 2) / 299);
    expect(Math.abs(corners[i]! - (255 * corner - 128) / 128)).toBeLessThan(1e-5);
  }
  row.dispose();
});

it("refuses other options, training, and other state dicts", () => {
  expect(() => inception({ resize: "lanczos" as never })).toThrow(
    "inception: expected resize among pytorch-fid, torch-fidelity, got lanczos",
  );
  const images = tf.zeros<tf.Rank.R4>([1, 4, 4, 3]);
  const train = { rng: undefined as never };
  expect(() => inception().apply({}, images, { train })).toThrow(
    "inception.apply: expected no training mode",
  );
  expect(() => inception().apply({}, images)).toThrow(
    "inception.apply: expected a parameter Conv2d_1a_3x3.weight",
  );
  images.dispose();
  const one = (...shape: number[]) =>
    ({ dtype: "F32", shape, data: new Float32Array(sizeOf(shape)) }) as const;
  const first: StateDict = {
    "Conv2d_1a_3x3.conv.weight": one(32, 3, 3, 3),
    "Conv2d_1a_3x3.bn.weight": one(31),
  };
  const message = "inceptionFromTorch: expected ";
  expect(() => inceptionFromTorch(first)).toThrow(message + '"Conv2d_1a_3x3.bn.weight" [32], got [31]');
  expect(() => inceptionFromTorch({ "AuxLogits.fc.weight": one(1) })).toThrow(
    message + "the entries of FID's Inception network, got AuxLogits.fc.weight",
  );
  expect(() => inceptionFromTorch({ "fc.bias": one(1) })).toThrow(
    message + 'an entry "Conv2d_1a_3x3.conv.weight"',
  );
});
