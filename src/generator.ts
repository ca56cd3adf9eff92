import type { Tensor4D } from "@tensorflow/tfjs";
import { check, checkOptions } from "./check.js";
import { denoiser } from "./models/denoiser.js";
import { disposeParams } from "./models/params.js";
import { noise } from "./rng.js";
import { sampleDdim } from "./samplers/ddim.js";
import type { SamplerOptions } from "./samplers/run.js";
import { decodeCheckpoint } from "./training/checkpoint.js";
import type { Denoiser, Labels } from "./types.js";

/** What {@link Generator.sample} takes. */
export interface SampleOptions {
  /** One safe integer per image: equal seeds give equal images, in any batch. */
  readonly seeds: readonly number[];
  /** One class per image, -1 for none. */
  readonly labels?: Labels;
  /** Sampling steps, at most those the model was trained for, which are the default. */
  readonly steps?: number;
  /** [height, width, channels]; by default {@link Generator.imageShape}. */
  readonly shape?: readonly [number, number, number];
  /** Classifier-free guidance scale; needs labels. */
  readonly guidance?: number;
  /** Called after each step, awaited. */
  readonly onStep?: NonNullable<SamplerOptions["onStep"]>;
  /** Stops the sampling; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const OPTIONS = {
  seeds: true,
  labels: true,
  steps: true,
  shape: true,
  guidance: true,
  onStep: true,
  signal: true,
} as const;

/** A model that draws images. */
export interface Generator {
  /** The number of steps the model was trained for. */
  readonly steps: number;
  /** [height, width, channels] of its images: the checkpoint's `imageShape`, or CIFAR-10's 32x32 if it has none. */
  readonly imageShape: readonly [number, number, number];
  /** How many classes its labels may name; absent if it knows none. */
  readonly classes?: number;
  /** Images [seeds.length, height, width, channels] in [-1, 1]; the caller disposes them. */
  sample(options: SampleOptions): Promise<Tensor4D>;
  /** Frees the weights. A sampling under way rejects at its next step. */
  dispose(): void;
}

/**
 * A checkpoint as something that draws images, for those who only sample: its averaged weights where it has them, the
 * DDIM sampler (eta 0) at the number of steps it was trained for, and one noise stream per seed.
 *
 * @param bytes a checkpoint, see `encodeCheckpoint`
 * @returns a generator; the caller disposes it
 * @throws if the bytes are damaged or not a diffusion model's checkpoint. `sample` rejects if its options do not fit, if
 *   the images are not finite, or after `dispose`
 * @example
 * ```ts
 * import { cosineSchedule, createRng, disposeParams, encodeCheckpoint, loadGenerator, unet } from "cfd-distill";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const model = { network, params, schedule: cosineSchedule(), predictionType: "x0", steps: 2 } as const;
 * const generator = loadGenerator(await encodeCheckpoint({ ...model, imageShape: [8, 8, 3] }));
 * const images = await generator.sample({ seeds: [1, 2] });
 * console.log(images.shape); // [2, 8, 8, 3]
 * images.dispose();
 * generator.dispose();
 * disposeParams(params);
 * ```
 */
export function loadGenerator(bytes: Uint8Array): Generator {
  const { network, params, ema, schedule, predictionType, steps, clip, ...rest } = decodeCheckpoint(bytes);
  const { imageChannels, classes } = network.config;
  const imageShape = rest.imageShape ?? ([32, 32, imageChannels] as const);
  if (ema) disposeParams(params);
  const weights = ema ?? params;
  const whole = denoiser(network, weights, predictionType);
  let disposed = false;

  // Asked at every step, also of a sampling that was under way when the weights were freed.
  const inUse = (...asked: Parameters<Denoiser>) => {
    check(!disposed, "Generator.sample", "a generator in use", "one that was disposed");
    return whole(...asked);
  };
  const model = Object.assign(inUse, { predictionType });

  async function sample(options: SampleOptions): Promise<Tensor4D> {
    const where = "Generator.sample";
    check(!disposed, where, "a generator in use", "one that was disposed");
    checkOptions(where, options, OPTIONS);
    const { seeds, shape = imageShape, steps: count = steps, ...others } = options;
    check(!(count > steps), where, `steps to be at most the ${steps} that the model was trained for`, count);
    const zT = noise(seeds, shape);
    try {
      return await sampleDdim(model, schedule, zT, { steps: count, clip, ...others });
    } finally {
      zT.dispose();
    }
  }
  function dispose(): void {
    if (!disposed) disposeParams(weights);
    disposed = true;
  }
  return { steps, imageShape, ...(classes === undefined ? {} : { classes }), sample, dispose };
}
