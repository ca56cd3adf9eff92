import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it, vi } from "vitest";
import {
  adam,
  clipByGlobalNorm,
  cosineSchedule,
  createRng,
  disposeParams,
  loadGenerator,
  noise,
  readTerms,
  sampleAncestral,
  sampleConsistency,
  sampleDdim,
  sampleDpmSolver2M,
  sampleHeun,
  sgd,
  unet,
  updateEma,
  valueAndGrads,
  type Denoiser,
} from "../../src/index.js";
import { samplerToOnnx, toOnnx } from "../../src/formats/index.js";
import { imageGrid } from "../../src/data/index.js";
import { onWasmWithoutLeaks } from "../support/no-leaks.js";

// On wasm, whose stock kernels make numbers of NaN.

onWasmWithoutLeaks();

const schedule = cosineSchedule();
const samplers = { sampleDdim, sampleAncestral, sampleConsistency, sampleDpmSolver2M, sampleHeun };
const names = Object.keys(samplers) as (keyof typeof samplers)[];

/** Answers 0.5, and `bad` for one pixel of the second image in its call number `call`. */
function spoilt(bad: number, call: number): Denoiser {
  let calls = 0;
  const apply = (zt: tf.Tensor4D) => {
    const values = new Float32Array(zt.size).fill(0.5);
    if (++calls === call) values[zt.size - 1] = bad;
    return tf.tensor4d(values, zt.shape);
  };
  return Object.assign(apply, { predictionType: "x0" as const });
}

describe.each(names)("%s", (name) => {
  it.each([
    [NaN, 1, "1"],
    [Infinity, 1, "1"],
    [-Infinity, 2, "0.5"],
    [NaN, 2, "0.5"],
  ])("refuses a model that answers %d in call %i", async (bad, call, time) => {
    const zT = noise([1, 2], [2, 2, 3]);
    for (const clip of [true, "x0", false] as const) {
      const run = samplers[name](spoilt(bad, call), schedule, zT, {
        times: [1, 0.5, 0.2],
        seeds: [1, 2],
        clip,
      });
      await expect(run).rejects.toThrow(
        `${name}: expected finite numbers in the denoiser's output at time ${time}, got ${bad}.`,
      );
    }
    zT.dispose();
  });

  // Of a model that answers one thing always, nothing of the noise is left in an x0.
  if (name !== "sampleConsistency")
    it("refuses starting noise that is none", async () => {
      const values = new Float32Array(12).fill(0.1);
      values[7] = NaN;
      const zT = tf.tensor4d(values, [1, 2, 2, 3]);
      const run = samplers[name](spoilt(0, 0), schedule, zT, { steps: 1, seeds: [1] });
      await expect(run).rejects.toThrow(`${name}: expected finite numbers in the images, got NaN.`);
      zT.dispose();
    });

  it("takes numbers as large as a model may answer", async () => {
    const zT = noise([1], [2, 2, 3]);
    const images = await samplers[name](spoilt(1e30, 1), schedule, zT, { steps: 1, seeds: [1] });
    expect((await images.data()).at(-1)).toBeCloseTo(1, 4);
    tf.dispose([zT, images]);
  });

  it("does not call the model where the signal is aborted before the only step", async () => {
    const zT = noise([1], [2, 2, 3]);
    const model = vi.fn(() => tf.zerosLike(zT));
    const denoiser = Object.assign(model, { predictionType: "x0" as const });
    const signal = AbortSignal.abort(new Error("stop"));
    const run = samplers[name](denoiser, schedule, zT, { steps: 1, seeds: [1], signal });
    await expect(run).rejects.toThrow("stop");
    expect(model).not.toHaveBeenCalled();
    zT.dispose();
  });
});

it("a checkpoint with one NaN bias draws no picture", async () => {
  const generator = await loadGenerator(
    await readFile(new URL("../fixtures/nan.safetensors", import.meta.url)),
  );
  const labels = generator.classes === undefined ? {} : { labels: [0] };
  const drawn = generator.sample({ seeds: [1], ...labels });
  await expect(drawn).rejects.toThrow(
    /sampleDdim: expected finite numbers in the denoiser's output at time 1, got NaN/,
  );
  generator.dispose();
});

it("neither does an ONNX graph hold one", async () => {
  const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
  const params = network.init(createRng(0));
  tf.tidy(() => {
    params["tail.2.bias"]!.assign(tf.tensor1d([0, NaN, 0]));
  });
  const wrong = 'expected finite numbers in the weight "tail.2.bias", got NaN.';
  await expect(toOnnx(network, params)).rejects.toThrow(`toOnnx: ${wrong}`);
  const sampler = { network, params, schedule, predictionType: "x0", steps: 1 } as const;
  await expect(samplerToOnnx(sampler)).rejects.toThrow(`samplerToOnnx: ${wrong}`);
  disposeParams(params);
});

it.each([NaN, Infinity, -Infinity])("imageGrid refuses %d and says in which image", async (bad) => {
  const images = tf.tensor4d([0, 0, 0, bad, 0, 0], [3, 1, 2, 1]);
  await expect(imageGrid(images, { columns: 2 })).rejects.toThrow(
    `imageGrid: expected every value to be finite, got ${bad} in image 1.`,
  );
  images.dispose();
});

describe("clipByGlobalNorm", () => {
  it.each([
    [NaN, 1],
    [NaN, Infinity],
    [Infinity, 1],
    [-Infinity, Infinity],
    [1e30, 1], // its square is infinite in float32
  ])("makes all gradients NaN of one that is %d, with maxNorm %d", async (bad, maxNorm) => {
    const grads = { a: tf.tensor1d([1, 2]), b: tf.tensor1d([bad]), c: tf.scalar(0) };
    const clipped = clipByGlobalNorm(grads, maxNorm);
    for (const grad of Object.values(clipped.grads))
      expect([...(await grad.data())].every(Number.isNaN)).toBe(true);
    expect((await clipped.norm.data())[0]).toBeOneOf([NaN, Infinity]);
    await expect(readTerms({ norm: clipped.norm }, { step: 7 })).rejects.toThrow(
      /norm = (NaN|Infinity) at step 7/,
    );
    tf.dispose([grads, clipped]);
  });

  it("keeps gradients to the bit where it only measures, and where they are small", async () => {
    const grads = { a: tf.tensor1d([0.1, -1e-30]), b: tf.scalar(0.3) };
    for (const maxNorm of [Infinity, 1]) {
      const clipped = clipByGlobalNorm(grads, maxNorm);
      for (const name of ["a", "b"] as const) {
        expect(await clipped.grads[name].data()).toEqual(await grads[name].data());
      }
      tf.dispose(clipped);
    }
    tf.dispose(grads);
  });
});

it("a loop that reads before it applies leaves weights, moments and average as they were", async () => {
  const params = { w: tf.tidy(() => tf.variable(tf.tensor1d([1, 2]))) };
  const ema = { w: tf.tidy(() => tf.variable(tf.tensor1d([1, 2]))) };
  const optimizer = adam({ learningRate: 0.1 });
  const step = async (factor: number) => {
    const { terms, grads } = valueAndGrads(() => ({ loss: params.w.mul(factor).sum().asScalar() }), params);
    const clipped = clipByGlobalNorm(grads, 1);
    try {
      await readTerms({ ...terms, norm: clipped.norm });
      optimizer.apply(params, clipped.grads);
      updateEma(ema, params, 0.9);
    } finally {
      tf.dispose([terms, grads, clipped]);
    }
  };
  await step(1);
  const before = [await params.w.data(), await ema.w.data(), await optimizer.state()];
  await expect(step(NaN)).rejects.toThrow(
    "readTerms: expected every term to be finite, got loss = NaN, norm = NaN.",
  );
  expect([await params.w.data(), await ema.w.data(), await optimizer.state()]).toEqual(before);
  optimizer.dispose();
  tf.dispose([params, ema]);
});

describe("learning rates", () => {
  it.each([-1, NaN, Infinity, -Infinity, "0.1", 1n, undefined, null, true])("%o is none", (rate) => {
    const params = { w: tf.tidy(() => tf.variable(tf.scalar(1))) };
    const grads = { w: tf.scalar(1) };
    const before = tf.memory().numTensors;
    for (const make of [adam, sgd]) {
      expect(() => make({ learningRate: rate as never })).toThrow(
        `${make.name}: expected learningRate to be a number >= 0 or a function of the step, got `,
      );
      const optimizer = make({ learningRate: () => rate as never });
      expect(() => {
        optimizer.apply(params, grads);
      }).toThrow(`${make.name}.apply: expected a finite learning rate at step 0, not below 0, got `);
      optimizer.dispose();
    }
    expect(params.w.dataSync()).toEqual(Float32Array.of(1));
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([params, grads]);
  });
});
