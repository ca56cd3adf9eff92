import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { beforeAll, expect, it } from "vitest";
import { denoiser, discreteCosineSchedule, noise, sampleDdim, unet, useBackend } from "cfd-distill";
import { samplerToOnnx, toOnnx } from "cfd-distill/formats";
import page from "../../docs/browser.md?raw";
import { loadStudent, paint } from "../../examples/browser/onnx.js";
import module from "../../examples/browser/onnx.ts?raw";
import { livelyParams } from "../support/lively.js";
import { wasmPaths } from "./wasm-paths.js";

// An exported student in the engine that pages have for ONNX, held against this library's own wasm in the same page.

const TOLERANCE = 1e-4;
const labels = [2, -1];
const network = unet({
  ...{ channels: 8, multipliers: [1, 2], attention: [1], blocks: 1, groups: 4 },
  ...{ timeScale: 64, classes: 3 },
});
const ortLabels = new Tensor("int64", BigInt64Array.from(labels, BigInt), [labels.length]);

beforeAll(() => useBackend("wasm", { wasmPaths }));

/** Images in onnxruntime's order, [batch, channels, height, width]. */
async function toOrt(images: tf.Tensor4D): Promise<Tensor> {
  const turned = tf.transpose(images, [0, 3, 1, 2]);
  const data = await turned.data<"float32">();
  turned.dispose();
  return new Tensor("float32", Float32Array.from(data), turned.shape);
}

/** The largest difference, printed. */
async function differenceOf(actual: Tensor, expected: tf.Tensor4D): Promise<number> {
  const { data, dims } = await toOrt(expected);
  expect(actual.dims).toEqual(dims);
  const values = actual.data as Float32Array;
  const difference = (data as Float32Array).reduce(
    (most, x, i) => Math.max(most, Math.abs(x - values[i]!)),
    0,
  );
  console.log(`${expect.getState().currentTestName!}: largest difference ${difference.toExponential(1)}`);
  return difference;
}

it("runs a network", async () => {
  const params = livelyParams(network);
  const zt = noise([1, 2], [8, 12, 3]);
  const times = [0.25, 0.7];
  const expected = network.apply(params, zt, times, labels);
  const session = await InferenceSession.create(await toOnnx(network, params));
  const feeds = { zt: await toOrt(zt), times: new Tensor("float32", times, [2]), labels: ortLabels };
  const { prediction } = await session.run(feeds);
  expect(await differenceOf(prediction!, expected)).toBeLessThan(TOLERANCE);
  await session.release();
  tf.dispose([params, zt, expected]);
});

it("draws what sampleDdim draws, through the module of docs/browser.md", async () => {
  expect(page.includes(module), "docs/browser.md shows examples/browser/onnx.ts").toBe(true);
  const params = livelyParams(network);
  const schedule = discreteCosineSchedule(64);
  const zT = noise([3, 4], [8, 8, 3]);
  const expected = await sampleDdim(denoiser(network, params, "x0"), schedule, zT, { steps: 2, labels });
  const bytes = await samplerToOnnx({ network, params, schedule, predictionType: "x0", steps: 2 });
  const address = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  const student = await loadStudent(address);
  const images = await student({ noise: await toOrt(zT), labels: ortLabels });
  expect(await differenceOf(images, expected)).toBeLessThan(TOLERANCE);
  expect(await paintedDifference(images, expected)).toBeLessThanOrEqual(1);
  URL.revokeObjectURL(address);
  tf.dispose([params, zT, expected]);
});

/** The largest difference of a painted first image to what this library would paint, of 255. */
async function paintedDifference(images: Tensor, expected: tf.Tensor4D): Promise<number> {
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = [images.dims[2]!, images.dims[3]!];
  paint(canvas, new Tensor("float32", (images.data as Float32Array).slice(0, images.size / 2), [1, ...images.dims.slice(1)])); // prettier-ignore
  const painted = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height).data;
  const unit = tf.tidy((): tf.Tensor3D => expected.slice(0, 1).squeeze([0]).add(1).div(2));
  const pixels = await tf.browser.toPixels(unit);
  unit.dispose();
  return painted.reduce((most, byte, i) => Math.max(most, Math.abs(byte - pixels[i]!)), 0);
}
