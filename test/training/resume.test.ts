import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, it } from "vitest";
import { useBackend } from "../../src/backends/index.js";
import { denoisingLoss } from "../../src/losses/denoising.js";
import type { DenoiserNetwork } from "../../src/models/network.js";
import { cloneParams, disposeParams } from "../../src/models/params.js";
import { unet } from "../../src/models/unet.js";
import { createRng, restoreRng, stackNormals, type Rng } from "../../src/rng.js";
import { cosineSchedule } from "../../src/schedules/cosine.js";
import { adam } from "../../src/training/adam.js";
import { decodeCheckpoint, encodeCheckpoint } from "../../src/training/checkpoint/checkpoint.js";
import { clipByGlobalNorm } from "../../src/training/clip.js";
import { emaDecay, updateEma } from "../../src/training/ema.js";
import { linearWarmup } from "../../src/training/learning-rates.js";
import type { Optimizer } from "../../src/training/optimizer.js";
import { readTerms } from "../../src/training/read-terms.js";
import { valueAndGrads } from "../../src/autodiff/value-and-grads.js";
import type { Params } from "../../src/types.js";

beforeAll(async () => {
  await useBackend("wasm");
});

const schedule = cosineSchedule();
const decay = emaDecay(0.9);
const newOptimizer = () => adam({ learningRate: linearWarmup({ rate: 1e-2, steps: 3 }), weightDecay: 0.01 });

interface Run {
  readonly network: DenoiserNetwork;
  readonly params: Params;
  readonly ema: Params;
  readonly optimizer: Optimizer;
  readonly rng: Rng;
  step: number;
}

function begin(): Run {
  const network = unet({
    channels: 8,
    multipliers: [1, 2],
    attention: [1],
    blocks: 1,
    timeScale: 8,
    groups: 4,
    dropout: 0.2,
  });
  const rng = createRng(11);
  const params = network.init(rng.fork("init"));
  return { network, params, ema: cloneParams(params), optimizer: newOptimizer(), rng, step: 0 };
}

/** Trains with everything that draws numbers from the run's stream: images, noise, times, dropout. */
async function train(run: Run, steps: number): Promise<void> {
  const { network, params, ema, optimizer, rng } = run;
  for (const end = run.step + steps; run.step < end; run.step++) {
    const [x0, eps] = [rng, rng].map((stream) => tf.tidy(() => stackNormals([stream, stream], [8, 8, 3])));
    const times = [rng.uniform(), rng.uniform()];
    const model = Object.assign(
      (zt: tf.Tensor4D, t: readonly number[]) => network.apply(params, zt, t, undefined, { train: { rng } }),
      { predictionType: "x0" as const },
    );
    const { terms, grads } = valueAndGrads(
      () => denoisingLoss({ denoiser: model, schedule, x0: x0!, eps: eps!, times }),
      params,
    );
    const clipped = clipByGlobalNorm(grads, 1);
    optimizer.apply(params, clipped.grads);
    updateEma(ema, params, decay(run.step));
    await readTerms({ ...terms, norm: clipped.norm }, { step: run.step });
    tf.dispose([x0, eps, terms, grads, clipped]);
  }
}

async function save(run: Run): Promise<Uint8Array> {
  const optimizer = await run.optimizer.state();
  return encodeCheckpoint({
    ...run,
    optimizer,
    rng: run.rng.state(),
    schedule,
    predictionType: "x0",
    steps: 8,
  });
}

function resume(bytes: Uint8Array): Run {
  const { network, params, ema, optimizer: state, rng, step } = decodeCheckpoint(bytes);
  const optimizer = newOptimizer();
  optimizer.restore(state!);
  return { network, params, ema: ema!, optimizer, rng: restoreRng(rng!), step: step! };
}

function end({ params, ema, optimizer }: Run): void {
  disposeParams(params);
  disposeParams(ema);
  optimizer.dispose();
}

it("N steps, a resume and N steps are 2N steps, bit for bit on wasm", async () => {
  const before = tf.memory().numTensors;
  const whole = begin();
  await train(whole, 6);
  const expected = await save(whole);
  end(whole);

  const first = begin();
  await train(first, 3);
  const middle = await save(first);
  end(first);
  const second = resume(middle);
  await train(second, 3);
  const resumed = await save(second);
  expect(Buffer.from(resumed).equals(expected)).toBe(true);
  expect(Buffer.from(resumed).equals(middle)).toBe(false);

  // And it is the noise stream too that must go on: with another one the weights differ.
  const other = { ...resume(middle), rng: createRng(12) };
  await train(other, 3);
  expect(Buffer.from(await save(other)).equals(expected)).toBe(false);
  end(second);
  end(other);
  expect(tf.memory().numTensors).toBe(before);
});
