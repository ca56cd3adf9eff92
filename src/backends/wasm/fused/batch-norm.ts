import type * as tf from "../../../tfjs.js";
import type { FusedKernels } from "../../../autodiff/fused-kernels.js";
import { channelSlices, checkRows, imageSizes, pixelBlocks, sumRows } from "./channelwise.js";
import { DOUBLE, FLOAT, address, withScratch, type WasmBackend } from "../memory/heap.js";
import { PASS, run } from "../threads/jobs.js";
import type { FusedKernel } from "./fused-kernel.js";

// The engine's part of src/models/batch-norm.ts.

/** Channels that are a unit of the gradient: as in kernels/batch-norm.ts. */
const SLICE = 64;

type Attributes = FusedKernels["BatchNorm"];

/** All pixels of a batch as those of one image: for what is done pixel by pixel. */
function flatSizes(x: tf.TensorInfo) {
  const { batch, pixels, channels } = imageSizes(x);
  return { batch: 1, pixels: batch * pixels, channels };
}

const addressOf = (backend: WasmBackend, tensor: tf.TensorInfo | undefined) =>
  tensor === undefined ? 0 : address(backend, tensor);

/** Lends `use` 1 / sqrt(variance + epsilon) of each channel, and gamma times that. */
function withScales(
  backend: WasmBackend,
  [gamma, variance]: readonly [tf.TensorInfo, tf.TensorInfo],
  epsilon: number,
  use: (inverse: number, scale: number) => void,
): void {
  const [channels] = variance.shape as [number];
  withScratch(backend, [channels * FLOAT, channels * FLOAT], (inverse, scale) => {
    const rows = [variance, gamma].map((tensor) => address(backend, tensor));
    run(backend, "batchNormScales", { units: channels, work: PASS }, ...rows, inverse, scale, epsilon);
    use(inverse, scale);
  });
}

function normalise(
  backend: WasmBackend,
  [x, gamma, beta, mean, variance, other]: readonly (tf.TensorInfo | undefined)[],
  { relu, epsilon }: Attributes,
): tf.TensorInfo {
  const sizes = flatSizes(x!);
  const { pixels, channels } = sizes;
  checkRows("batchNorm", channels, [gamma!, beta!, mean!, variance!]);
  const y = backend.makeOutput(x!.shape, "float32");
  const [from, to, means, offsets, more] = [x, y, mean, beta, other].map((t) => addressOf(backend, t));
  withScales(backend, [gamma!, variance!], epsilon, (_, scale) => {
    const addresses = [from!, to!, means!, scale, offsets!, more!];
    run(backend, "batchNorm", pixelBlocks(sizes), ...addresses, pixels, channels, Number(relu));
  });
  return y;
}

/** x, gamma, beta, mean, variance and perhaps what is added before the ReLU, to y. */
export const fixedBatchNorm: FusedKernel<"FixedBatchNorm"> = (inputs, backend, attrs) => {
  const { input0, input1, input2, input3, input4, input5 } = inputs;
  const tensors = [input0, input1, input2, input3, input4, input5];
  return normalise(backend, tensors, attrs);
};

/** Each channel's mean and variance. */
function moments(backend: WasmBackend, x: tf.TensorInfo): [tf.TensorInfo, tf.TensorInfo] {
  const sizes = imageSizes(x);
  const { batch, pixels, channels } = sizes;
  const outputs = [0, 1].map(() => backend.makeOutput([channels], "float32"));
  const [from, means, variances] = [x, ...outputs].map((tensor) => address(backend, tensor));
  withScratch(backend, [batch * channels * DOUBLE], (sums) => {
    const columns = { sums, rows: batch, columns: channels, divisor: batch * pixels };
    run(backend, "sumChannels", channelSlices(sizes), from!, 0, sums, pixels, channels);
    sumRows(backend, { ...columns, to: means! });
    run(backend, "sumChannels", channelSlices(sizes), from!, means!, sums, pixels, channels);
    sumRows(backend, { ...columns, to: variances! });
  });
  return outputs as [tf.TensorInfo, tf.TensorInfo];
}

/** x, gamma and beta to y, and each channel's mean and variance. */
export const batchNorm: FusedKernel<"BatchNorm"> = ({ input0: x, input1, input2 }, backend, attrs) => {
  const [mean, variance] = moments(backend, x!);
  const y = normalise(backend, [x, input1, input2, mean, variance], attrs);
  return [y, mean, variance];
};

interface Gradients {
  readonly dx: tf.TensorInfo;
  readonly dOther: tf.TensorInfo | undefined;
  readonly dGamma: tf.TensorInfo;
  readonly dBeta: tf.TensorInfo;
}

function gradients(
  backend: WasmBackend,
  [x, gamma, beta, mean, variance, other, dy]: readonly (tf.TensorInfo | undefined)[],
  { relu, epsilon }: Attributes,
  train: boolean,
): Gradients {
  const sizes = imageSizes(x!);
  const { batch, pixels, channels } = sizes;
  const [dx, dGamma, dBeta] = [x!, gamma!, beta!].map(({ shape }) => backend.makeOutput(shape, "float32"));
  const dOther = other && backend.makeOutput(x!.shape, "float32");
  const images = [x, dy, dx, dOther].map((tensor) => addressOf(backend, tensor));
  const [means, offsets, more] = [mean, beta, other].map((tensor) => addressOf(backend, tensor));
  const row = channels * DOUBLE;
  withScales(backend, [gamma!, variance!], epsilon, (inverse, scale) => {
    withScratch(backend, [batch * 2 * row, row / 2, row / 2], (sums, slope, shift) => {
      const addresses = [...images, means!, inverse, scale, offsets!, more!, sums];
      const flags = [Number(relu), Number(train)];
      const job = { ...channelSlices(sizes, SLICE), room: 2 * SLICE * FLOAT };
      run(backend, "batchNormGradient", job, ...addresses, pixels, channels, ...flags);
      const ofBeta = { sums, rows: batch, columns: channels, stepBytes: 2 * row };
      const ofGamma = { ...ofBeta, sums: sums + row };
      sumRows(backend, { ...ofBeta, to: address(backend, dBeta!) });
      sumRows(backend, { ...ofGamma, to: address(backend, dGamma!) });
      if (!train) return;
      // dx = gamma inverse (d - mean(d) - normal mean(d normal)), means over all pixels.
      const scaled = { weights: scale, divisor: batch * pixels };
      sumRows(backend, { ...ofBeta, ...scaled, to: shift });
      sumRows(backend, { ...ofGamma, ...scaled, to: slope });
      const flat = flatSizes(x!);
      const places = [images[0]!, images[2]!, means!, inverse, scale, slope, shift];
      run(backend, "batchNormInputGradient", pixelBlocks(flat), ...places, flat.pixels, channels);
    });
  });
  return { dx: dx!, dOther, dGamma: dGamma!, dBeta: dBeta! };
}

export const batchNormGradient: FusedKernel<"BatchNormGradient"> = (inputs, backend, attrs) => {
  const { input0, input1, input2, extra0, extra1, dy } = inputs;
  const tensors = [input0, input1, input2, extra0, extra1, undefined, dy];
  const { dx, dGamma, dBeta } = gradients(backend, tensors, attrs, true);
  return [dx, dGamma, dBeta];
};

export const fixedBatchNormGradient: FusedKernel<"FixedBatchNormGradient"> = (inputs, backend, attrs) => {
  const { input0, input1, input2, input3, input4, input5, dy } = inputs;
  const tensors = [input0, input1, input2, input3, input4, input5, dy];
  const { dx, dOther, dGamma, dBeta } = gradients(backend, tensors, attrs, false);
  const statistics = [input3!, input4!].map(({ shape }) => backend.makeOutput(shape, "float32"));
  const [dMean, dVariance, gamma, variance, byGamma, byBeta] = [
    ...statistics,
    ...[input1!, input4!, dGamma, dBeta],
  ].map((tensor) => backend.typedArrayFromHeap(tensor));
  for (let i = 0; i < gamma!.length; i++) {
    const inverse = 1 / Math.sqrt(variance![i]! + attrs.epsilon);
    dMean![i] = -byBeta![i]! * gamma![i]! * inverse;
    dVariance![i] = -0.5 * byGamma![i]! * gamma![i]! * inverse ** 2;
  }
  return [dx, dGamma, dBeta, ...statistics, ...(dOther ? [dOther] : [])];
};
