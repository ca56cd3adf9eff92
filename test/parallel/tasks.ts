// What is computed both by the workers of the tests and by the tests themselves, on their own.
import * as tf from "@tensorflow/tfjs";
import {
  cosineSchedule,
  createRng,
  denoiser,
  denoisingLoss,
  noise,
  resnet,
  sampleDdim,
  unet,
  type LossTerms,
  type Params,
  type Share,
} from "../../src/index.js";

export interface Setup {
  readonly engine: "cpu" | "wasm";
  readonly task: keyof typeof tasks;
  /** Another width, for weights that do not fit. */
  readonly channels?: number;
  readonly fail?: "throw" | "exit";
}

export interface Input {
  readonly seed: number;
  readonly fail?: "throw" | "exit" | "spin" | "rows" | "terms";
}

export interface Task {
  readonly init: (channels?: number) => Params;
  readonly terms: (params: Params, input: Input, share: Share) => LossTerms;
  readonly outputs: (params: Params, input: Input, share: Share) => tf.Tensor | Promise<tf.Tensor>;
}

const schedule = cosineSchedule();
const network = unet({
  channels: 8,
  multipliers: [1, 2],
  attention: [1],
  blocks: 1,
  groups: 4,
  timeScale: 8,
});
const judge = resnet({ blocks: [1], width: 4, classes: 3 });

/** The rows of the share, of values that do not depend on how the batch is cut. */
function pictures({ seed }: Input, { start, end }: Share): tf.Tensor4D {
  const seeds = Array.from({ length: end - start }, (_, i) => seed + start + i);
  return noise(seeds, [8, 8, 3]);
}

export const tasks = {
  diffusion: {
    init: (channels = 8) => unet({ ...network.config, channels }).init(createRng(1)),
    terms: (params, input, share) => {
      const x0: tf.Tensor4D = tf.clipByValue(pictures(input, share), -1, 1);
      const eps = pictures({ seed: input.seed + 1000 }, share);
      const times = Array.from({ length: share.end - share.start }, (_, i) => (share.start + i + 1) / 10);
      return denoisingLoss({ denoiser: denoiser(network, params, "x0"), schedule, x0, eps, times });
    },
    outputs: async (params, input, share) => {
      const zT = pictures(input, share);
      const images = await sampleDdim(denoiser(network, params, "x0"), schedule, zT, { steps: 2 });
      zT.dispose();
      return images;
    },
  },
  classifier: {
    init: () => judge.init(createRng(2)),
    terms: (params, input, share) => {
      const { logits } = judge.apply(params, pictures(input, share), { train: { rng: createRng(0) } });
      return { loss: tf.mean(tf.square(logits)).asScalar(), largest: tf.max(logits).asScalar() };
    },
    // Integers, that every digit counts in.
    outputs: (params, input, share) => {
      const { logits } = judge.apply(params, pictures(input, share));
      return tf.cast(tf.mul(logits, 1e6), "int32");
    },
  },
} satisfies Record<string, Task>;
