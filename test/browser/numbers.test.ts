import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/webgl";
import "cfd-distill/backends/webgpu";
import { describe, expect, it } from "vitest";
import {
  cosineSchedule,
  createRng,
  denoiser,
  denoisingLoss,
  noise,
  readTerms,
  unet,
  useBackend,
} from "cfd-distill";

// What becomes of NaN and infinity: a training that goes wrong must be seen to.

const ends = [NaN, Infinity, -Infinity, 3e38, 1e-30, -1e-30, 100, -100];
const images = (x: tf.Tensor): tf.Tensor4D => tf.reshape(x, [x.size, 1, 1, 1]);

const pointwise: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  add: (x) => tf.add(x, 0),
  mul: (x) => tf.mul(x, 2),
  div: (x) => tf.div(x, 2),
  relu: (x) => tf.relu(x),
  step: (x) => tf.step(x),
  square: (x) => tf.square(x),
  sqrt: (x) => tf.sqrt(x),
  rsqrt: (x) => tf.rsqrt(x),
  clipByValue: (x) => tf.clipByValue(x, -1, 1),
  minimum: (x) => tf.minimum(x, 1),
  maximum: (x) => tf.maximum(x, -1),
  sum: (x) => tf.sum(tf.stack([x, tf.ones(x.shape), tf.ones(x.shape)]), 0),
  avgPool: (x) => tf.avgPool(images(x), 1, 1, "valid"),
  matMul: (x) => tf.matMul(tf.reshape<tf.Rank.R2>(x, [-1, 1]), tf.ones<tf.Rank.R2>([1, 1])),
  conv2d: (x) => tf.conv2d(images(x), tf.ones<tf.Rank.R4>([1, 1, 1, 1]), 1, "same"),
};

async function values(f: (x: tf.Tensor) => tf.Tensor): Promise<number[]> {
  const y = tf.tidy(() => f(tf.tensor1d(ends)));
  const data = Array.from(await y.data());
  y.dispose();
  return data;
}

const network = unet({ channels: 4, multipliers: [1], attention: [0], blocks: 1, groups: 2, timeScale: 8 });

/** The loss of a small network of which one number of one weight is NaN. */
async function lossWithNaN(name: string): Promise<Record<string, number>> {
  const params = network.init(createRng(0));
  tf.tidy(() => {
    const weight = params[name]!;
    const bad = tf.oneHot(tf.tensor1d([0], "int32"), weight.size).reshape(weight.shape);
    weight.assign(tf.where(tf.cast(bad, "bool"), tf.fill(weight.shape, NaN), weight));
  });
  const [x0, eps] = [noise([1, 2], [4, 4, 3]), noise([3, 4], [4, 4, 3])];
  const model = { denoiser: denoiser(network, params, "x0"), schedule: cosineSchedule() };
  const terms = denoisingLoss({ ...model, x0, eps, times: [0.3, 0.7] });
  try {
    return await readTerms(terms);
  } finally {
    tf.dispose([params, x0, eps, terms]);
  }
}

describe.each(["webgl", "webgpu"] as const)("%s", (engine) => {
  it.each(Object.entries(pointwise))("agrees with cpu at the ends of the range: %s", async (_, f) => {
    await useBackend("cpu");
    const expected = await values(f);
    await useBackend(engine);
    const actual = await values(f);
    actual.forEach((value, i) => {
      const exact = expected[i]!;
      if (Number.isFinite(exact)) expect(Math.abs(value - exact)).toBeLessThanOrEqual(1e-6 * Math.abs(exact));
      else expect(value, `of ${ends[i]!}`).toBe(exact);
    });
  });

  it("ends a training of which a weight is NaN, wherever it is", async () => {
    await useBackend(engine);
    const params = network.init(createRng(0));
    const names = Object.keys(params);
    tf.dispose(params);
    const attended = names.find((name) => name.includes("proj_q.weight"))!;
    for (const name of [names[0]!, attended, names.at(-1)!]) {
      await expect(lossWithNaN(name), name).rejects.toThrow(/readTerms: expected every term to be finite/);
    }
  });
});
