// wasm gives the same bits in any number of threads: losses, gradients, training, samples.
import * as tf from "@tensorflow/tfjs";
import { afterAll, describe, expect, it } from "vitest";
import {
  adam,
  cfdLoss,
  classifier,
  clipByGlobalNorm,
  cosineSchedule,
  createRng,
  denoiser,
  denoisingLoss,
  disposeParams,
  noise,
  progressiveLoss,
  resnet,
  sampleDdim,
  unet,
  updateEma,
  useBackend,
  valueAndGrads,
  type LossTerms,
  type Params,
} from "../../src/index.js";
import { engine, onEngine, start } from "./engine.js";

const network = unet({
  channels: 16,
  multipliers: [1, 2],
  attention: [1],
  blocks: 1,
  groups: 4,
  timeScale: 8,
});
const judge = resnet({ blocks: [1, 1, 1], width: 16, classes: 10 });
const schedule = cosineSchedule();
const shape: [number, number, number] = [16, 16, 3];
const counts = [1, 2, 3, 4];

/** Every number of a result, by name. */
type Bits = Record<string, Float32Array>;

async function read(tensors: Readonly<Record<string, tf.Tensor>>): Promise<Bits> {
  const entries = Object.entries(tensors).map(
    async ([name, x]) => [name, await x.data<"float32">()] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** Values and gradients of each loss. */
async function losses(): Promise<Bits> {
  const [params, teacherParams, judgeParams] = [network, network, judge].map((net, i) =>
    net.init(createRng(i)),
  );
  const student = denoiser(network, params!, "x0");
  const teacher = denoiser(network, teacherParams!, "x0");
  const [x0, eps] = [noise([1, 2, 3], shape), noise([4, 5, 6], shape)];
  const common = { schedule, x0, eps, times: [0.5, 1, 0.5] };
  const losses: Record<string, () => LossTerms> = {
    denoising: () => denoisingLoss({ denoiser: student, ...common }),
    progressive: () => progressiveLoss({ student, teacher, studentSteps: 2, ...common }),
    cfd: () =>
      cfdLoss({
        ...{ student, teacher, classifier: classifier(judge, judgeParams!), studentSteps: 2, ...common },
        ...{ temperature: 0.9, beta: 0.003 },
      }),
  };
  const bits: Bits = {};
  for (const [name, loss] of Object.entries(losses)) {
    const { terms, grads } = valueAndGrads(loss, params!);
    for (const [key, values] of Object.entries(await read({ ...terms, ...grads })))
      bits[`${name} ${key}`] = values;
    tf.dispose([terms, grads]);
  }
  tf.dispose([x0, eps]);
  for (const each of [params, teacherParams, judgeParams]) disposeParams(each!);
  return bits;
}

/** Weights, their average and Adam's state after ten steps. */
async function training(): Promise<Bits> {
  const [params, average] = [network.init(createRng(5)), network.init(createRng(5))];
  const optimizer = adam({ learningRate: 1e-3, weightDecay: 0.01 });
  for (let step = 0; step < 10; step++) await trainingStep(params, average, optimizer, step);
  const bits = { ...(await read(params)), ...prefixed("average", await read(average)) };
  disposeParams(params);
  disposeParams(average);
  optimizer.dispose();
  return bits;
}

const prefixed = (prefix: string, bits: Bits): Bits =>
  Object.fromEntries(Object.entries(bits).map(([name, values]) => [`${prefix} ${name}`, values]));

async function trainingStep(
  params: Params,
  average: Params,
  optimizer: ReturnType<typeof adam>,
  step: number,
) {
  const [x0, eps] = [noise([step, step + 1], shape), noise([step + 2, step + 3], shape)];
  const input = { denoiser: denoiser(network, params, "x0"), schedule, x0, eps, times: [0.2, 0.7] };
  const { terms, grads } = valueAndGrads(() => denoisingLoss(input), params);
  const clipped = clipByGlobalNorm(grads, 0.5);
  optimizer.apply(params, clipped.grads);
  updateEma(average, params, 0.9);
  await terms.loss.data();
  tf.dispose([x0, eps, terms, grads, clipped]);
}

/** Images of one seed alone and of several together. */
async function samples(): Promise<Bits> {
  const params = network.init(createRng(7));
  const model = denoiser(network, params, "x0");
  const bits: Bits = {};
  for (const seeds of [[1], [1, 2, 3, 4, 5]]) {
    const zT = noise(seeds, shape);
    const images = await sampleDdim(model, schedule, zT, { steps: 3 });
    bits[seeds.join()] = await images.data<"float32">();
    tf.dispose([zT, images]);
  }
  disposeParams(params);
  return bits;
}

describe.runIf(engine === "wasm")("in 1, 2, 3 and 4 threads", () => {
  onEngine();
  afterAll(start);

  it.each([
    ["losses and their gradients", losses],
    ["ten steps of training", training],
    ["samples", samples],
  ] as const)("%s are the same bits", async (_, compute) => {
    const results: Bits[] = [];
    for (const threads of counts) {
      const report = await useBackend("wasm", { threads });
      expect(report.threads).toBe(threads);
      results.push(await compute());
    }
    const [alone, ...others] = results;
    expect(Object.values(alone!).every((values) => values.every(Number.isFinite))).toBe(true);
    others.forEach((bits, i) => {
      for (const [name, values] of Object.entries(alone!)) {
        expect(bits[name], `${name} in ${counts[i + 1]} threads`).toEqual(values);
      }
    });
  });
});
