// One seed has one result, image i does not depend on the batch, and memory stays flat.
import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import {
  adam,
  clipByGlobalNorm,
  cosineSchedule,
  createRng,
  denoiser,
  denoisingLoss,
  noise,
  sampleDdim,
  unet,
  valueAndGrads,
  type Params,
} from "../../src/index.js";
import { engine, full, onEngine } from "./engine.js";
import { expectClose } from "./fixtures.js";

onEngine();

const size = full ? { multipliers: [1, 2], attention: [1] } : { multipliers: [1], attention: [] };
const network = unet({ channels: 8, ...size, blocks: 1, groups: 4, timeScale: 8 });
/** Elsewhere the size of a batch picks the program that multiplies matrices, and so the order of its sums. */
const sameBitsInAnyBatch = ["cpu", "wasm", "webgl"].includes(engine);
const schedule = cosineSchedule();
const shape: [number, number, number] = [4, 4, 3];

/** A step of training on one batch, over and over: the loss falls. */
async function step(params: Params, optimizer: ReturnType<typeof adam>): Promise<number> {
  const [x0, eps] = [noise([1, 2], shape), noise([3, 4], shape)];
  const input = { denoiser: denoiser(network, params, "x0"), schedule, x0, eps, times: [0.3, 0.6] };
  const { terms, grads } = valueAndGrads(() => denoisingLoss(input), params);
  const clipped = clipByGlobalNorm(grads, 1);
  optimizer.apply(params, clipped.grads);
  const [loss] = await terms.loss.data();
  tf.dispose([x0, eps, terms, grads, clipped]);
  return loss!;
}

async function train(steps: number) {
  const params = network.init(createRng(5));
  const optimizer = adam({ learningRate: 3e-3 });
  const losses: number[] = [];
  const tensors: number[] = [];
  for (let i = 0; i < steps; i++) {
    losses.push(await step(params, optimizer));
    tensors.push(tf.memory().numTensors);
  }
  const weights = await Promise.all(Object.values(params).map((weight) => weight.data()));
  tf.dispose(params);
  optimizer.dispose();
  return { losses, tensors, weights };
}

it("training twice gives the same bits, a falling loss, and no tensor more after a step", async () => {
  const steps = full ? 4 : 2;
  const first = await train(steps);
  const second = await train(steps);
  expect(second).toEqual(first);
  first.losses.slice(1).forEach((loss, i) => {
    expect(loss).toBeLessThan(first.losses[i]!);
  });
  expect(new Set(first.tensors).size).toBe(1);
});

it("image i of a batch is the image of its seed", async () => {
  const params = network.init(createRng(5));
  const model = denoiser(network, params, "x0");
  const [three, one] = [noise([1, 2, 3], shape), noise([2], shape)];
  const together = await sampleDdim(model, schedule, three, { steps: 2 });
  const alone = await sampleDdim(model, schedule, one, { steps: 2 });
  const pixels = shape[0] * shape[1] * shape[2];
  const second = (await together.data()).slice(pixels, 2 * pixels);
  if (sameBitsInAnyBatch) expect(second).toEqual(await alone.data());
  else expectClose(second, await alone.data<"float32">(), 1e-6, "second image");
  tf.dispose([params, three, one, together, alone]);
});

it("recompute has the values and gradients of what it wraps", async () => {
  const params = network.init(createRng(5));
  const zt = noise([1, 2], shape);
  const [kept, saved] = [false, true].map((option) => denoiser(network, params, "x0", { recompute: option }));
  const results = [kept!, saved!].map((model) =>
    valueAndGrads(() => ({ loss: tf.sum<tf.Scalar>(tf.square(model(zt, [0.2, 0.7]))) }), params),
  );
  const [want, got] = await Promise.all(
    results.map(({ grads }) => Promise.all(Object.values(grads).map((grad) => grad.data<"float32">()))),
  );
  got!.forEach((values, i) => {
    expectClose(values, want![i]!, 1e-6, Object.keys(params)[i]!);
  });
  tf.dispose([params, zt]);
  for (const { terms, grads } of results) tf.dispose([terms, grads]);
});
