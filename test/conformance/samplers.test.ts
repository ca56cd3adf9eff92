// Every sampler against float64, on pixels drawn from a Gaussian, where the best answer of a model is known.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  cosineSchedule,
  createRng,
  noise,
  sampleAncestral,
  sampleDdim,
  sampleDpmSolver2M,
  sampleHeun,
  type NoiseSchedule,
} from "../../src/index.js";
import { gaussianDenoiser } from "../support/denoisers.js";
import { onEngine } from "./engine.js";
import { expectTensor } from "./fixtures.js";
import { ddim, dpmSolver2M, follow, heun, type PixelModel } from "./sampling-reference.js";

onEngine();

const schedule = cosineSchedule();
const seeds = [1, 2, 3];
const shape: [number, number, number] = [4, 4, 3];
const times = [0.95, 0.7, 0.5, 0.3, 0.05];
const end = times.at(-1)!;

/** What gaussianDenoiser answers, for pixels of mean 0.2 and deviation 0.5. */
const data = { mean: 0.2, deviation: 0.5 };
const pixelModel: PixelModel = (z, t) => {
  const alphaBar = schedule.alphaBar(t);
  const alpha = Math.sqrt(alphaBar);
  const gain = (alpha * data.deviation ** 2) / (alphaBar * data.deviation ** 2 + 1 - alphaBar);
  return data.mean + gain * (z - alpha * data.mean);
};

const samplers = {
  sampleDdim: { sampler: sampleDdim, reference: ddim(schedule, pixelModel) },
  sampleDpmSolver2M: { sampler: sampleDpmSolver2M, reference: dpmSolver2M(schedule, pixelModel, end) },
  sampleHeun: { sampler: sampleHeun, reference: heun(schedule, pixelModel, end) },
};

describe.each(Object.entries(samplers))("%s", (_, { sampler, reference }) => {
  it.each(["x0", "eps", "v", "flow"] as const)("of a network that predicts %s", async (kind) => {
    const zT = noise(seeds, shape);
    const start = await zT.data<"float32">();
    const images = await sampler(gaussianDenoiser(schedule, kind, data), schedule, zT, {
      times,
      clip: false,
    });
    // At t = 0.95 alpha is 0.09: x0 from eps carries twelve times its rounding.
    await expectTensor(images, follow(reference, start, times), kind === "eps" ? 5e-6 : 1e-6, kind);
    tf.dispose([zT, images]);
  });
});

describe("added noise", () => {
  /** Song et al. 2021, Eq. 12 and 16, with each image's stream of noise. */
  function stochastic(eta: number, start: ArrayLike<number>, steps: readonly number[]): number[] {
    const streams = seeds.map((seed) => createRng(seed).fork("added noise"));
    const size = start.length / seeds.length;
    let z = Array.from(start);
    for (let i = 0; i + 1 < steps.length; i++) {
      const [t, s] = [steps[i]!, steps[i + 1]!];
      const draws = streams.flatMap((stream) => Array.from(stream.normals(size)));
      z = z.map((pixel, k) => stochasticStep({ schedule, eta, t, s }, pixel, draws[k]!));
    }
    return z;
  }

  it.each([0.5, 1])("with eta %d", async (eta) => {
    const zT = noise(seeds, shape);
    const want = stochastic(eta, await zT.data<"float32">(), times);
    const model = gaussianDenoiser(schedule, "x0", data);
    const images = await sampleDdim(model, schedule, zT, { times, seeds, eta, clip: false });
    await expectTensor(images, want, 1e-6, `eta ${eta}`);
    if (eta === 1) {
      const ancestral = await sampleAncestral(model, schedule, zT, { times, seeds, clip: false });
      expect(await ancestral.data()).toEqual(await images.data());
      ancestral.dispose();
    }
    tf.dispose([zT, images]);
  });
});

interface Stochastic {
  readonly schedule: NoiseSchedule;
  readonly eta: number;
  readonly t: number;
  readonly s: number;
}

function stochasticStep({ schedule, eta, t, s }: Stochastic, z: number, draw: number): number {
  const [from, to] = [schedule.alphaBar(t), schedule.alphaBar(s)];
  const x0 = pixelModel(z, t);
  const eps = (z - Math.sqrt(from) * x0) / Math.sqrt(1 - from);
  const added = eta * Math.sqrt((1 - to) / (1 - from)) * Math.sqrt(1 - from / to);
  return Math.sqrt(to) * x0 + Math.sqrt(1 - to - added ** 2) * eps + added * draw;
}
