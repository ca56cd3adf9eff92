// What each worker of parallel.ts computes: its share of a batch's loss, and its share of the samples.
import { parentPort } from "node:worker_threads";
import "cfd-distill/backends/wasm";
import * as tf from "@tensorflow/tfjs";
import {
  createRng,
  denoiser,
  denoisingLoss,
  discreteCosineSchedule,
  disposeParams,
  drawTimes,
  noise,
  restoreRng,
  sampleDdim,
  serveReplica,
  unet,
  useBackend,
  type RngState,
  type UnetConfig,
} from "cfd-distill";

export interface Setup {
  readonly network: UnetConfig;
}
/** Of a training step the random stream, of sampling one seed per image. */
export type Input = { readonly rng: RngState } | { readonly seeds: readonly number[] };

const shape = [16, 16, 3] as const;

serveReplica(parentPort, async (setup: Setup) => {
  await useBackend("wasm");
  const schedule = discreteCosineSchedule(4);
  const network = unet(setup.network);
  const params = network.init(createRng(0)); // the main thread's weights take the place of these
  const model = denoiser(network, params, "x0");

  return {
    params,
    terms: (input: Input, { start, end, batch }) => {
      if (!("rng" in input)) throw new Error("terms: expected a random stream.");
      const rng = restoreRng(input.rng);
      const times = drawTimes(rng, batch, 4, { first: 0 }).slice(start, end);
      const seeds = Array.from({ length: batch }, () => rng.integer(2 ** 31)).slice(start, end);
      const x0: tf.Tensor4D = tf.clipByValue(noise(seeds, shape), -1, 1); // stands for your pictures
      const eps = noise(seeds.map((seed) => seed + 1), shape); // prettier-ignore
      return denoisingLoss({ denoiser: model, schedule, x0, eps, times });
    },
    outputs: (input: Input, { start, end }) => {
      if (!("seeds" in input)) throw new Error("outputs: expected seeds.");
      const zT = noise(input.seeds.slice(start, end), shape);
      return sampleDdim(model, schedule, zT, { steps: 2 });
    },
    dispose: () => {
      disposeParams(params);
    },
  };
});
