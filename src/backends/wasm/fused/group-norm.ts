import { checkRows, imageSizes, SLICE, sumRows, type Images } from "./channelwise.js";
import { DOUBLE, FLOAT, address, withScratch } from "../memory/heap.js";
import { PASS, run, type Job } from "../threads/jobs.js";
import type { FusedKernel } from "./fused-kernel.js";

// The engine's part of group norm with or without SiLU: see src/models/group-norm.ts for what it computes.

/** So many images are divided among threads whole; of fewer, parts of an image, which share few lines of the cache. */
const WHOLE = 8;

/** A unit is `unitGroups` groups of an image. */
function slices({ batch, pixels, channels }: Images, groups: number): { unitGroups: number; job: Job } {
  const width = channels / groups;
  const unitGroups = batch >= WHOLE ? groups : Math.min(groups, Math.ceil(SLICE / width));
  const job = {
    units: batch * Math.ceil(groups / unitGroups),
    work: 3 * PASS * pixels * unitGroups * width,
    room: 5 * unitGroups * width * FLOAT,
  };
  return { unitGroups, job };
}

/** x, gamma, beta to y and, for the gradient, each image's and group's mean and 1 / standard deviation. */
export const groupNorm: FusedKernel<"GroupNorm"> = (inputs, backend, attrs) => {
  const [x, gamma, beta] = [inputs.input0!, inputs.input1!, inputs.input2!];
  const { groups, activate, epsilon } = attrs;
  const sizes = imageSizes(x);
  const { batch, pixels, channels } = sizes;
  checkRows("groupNorm", channels, [gamma, beta]);
  const outputs = [x.shape, [batch, groups], [batch, groups]].map((shape) =>
    backend.makeOutput(shape, "float32"),
  );
  const tensors = [x, gamma, beta, ...outputs].map((tensor) => address(backend, tensor));
  const { unitGroups, job } = slices(sizes, groups);
  run(backend, "groupNorm", job, ...tensors, pixels, channels, groups, unitGroups, epsilon, Number(activate));
  return outputs;
};

/** dy, what {@link groupNorm} was given, its mean and its 1 / standard deviation to the gradients of x, gamma, beta. */
export const groupNormGradient: FusedKernel<"GroupNormGradient"> = (inputs, backend, attrs) => {
  const [x, gamma, beta] = [inputs.input0!, inputs.input1!, inputs.input2!];
  const { groups, activate } = attrs;
  const sizes = imageSizes(x);
  const { batch, pixels, channels } = sizes;
  const outputs = [x, gamma, beta].map(({ shape }) => backend.makeOutput(shape, "float32"));
  const tensors = [x, inputs.dy!, outputs[0]!, gamma, beta, inputs.extra0!, inputs.extra1!];
  const addresses = tensors.map((tensor) => address(backend, tensor));
  const { unitGroups, job } = slices(sizes, groups);
  const row = channels * DOUBLE;
  withScratch(backend, [batch * 2 * row], (sums) => {
    const counts = [pixels, channels, groups, unitGroups, Number(activate)];
    run(backend, "groupNormGradient", job, ...addresses, sums, ...counts);
    const [, dGamma, dBeta] = outputs.map((tensor) => address(backend, tensor));
    const columns = { rows: batch, columns: channels, stepBytes: 2 * row };
    sumRows(backend, { ...columns, sums, to: dBeta! });
    sumRows(backend, { ...columns, sums: sums + row, to: dGamma! });
  });
  return outputs;
};
