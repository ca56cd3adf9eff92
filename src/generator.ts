import type { Tensor4D } from "@tensorflow/tfjs";
import { check, checkOptions, fail } from "./check.js";
import { denoiser } from "./models/denoiser.js";
import { disposeParams } from "./models/params.js";
import { checkImageShape } from "./models/unet-config.js";
import { noise } from "./rng.js";
import { sampleDdim } from "./samplers/ddim.js";
import type { SamplerOptions } from "./samplers/run.js";
import { decodeCheckpoint, type DecodedCheckpoint } from "./training/checkpoint/checkpoint.js";
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

/** What {@link loadGenerator} takes beside the file. */
export interface LoadOptions {
  /** [height, width, channels] of the images, for a checkpoint that says none, or for others than those. */
  readonly imageShape?: readonly [number, number, number];
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
  /** [height, width, channels] of its images: what {@link LoadOptions} said, or else the checkpoint's `imageShape`. */
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
 * @param source a checkpoint, see `encodeCheckpoint`: a Uint8Array or an ArrayBuffer
 * @param options `imageShape` of the images, if the checkpoint has none or others are wanted
 * @returns a generator; the caller disposes it
 * @throws if the bytes are damaged or not a diffusion model's checkpoint, or nobody says what shape the images have. `sample`
 *   rejects if its options do not fit, if the images are not finite, or after `dispose`
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
export function loadGenerator(source: Uint8Array | ArrayBufferLike, options: LoadOptions = {}): Generator {
  checkOptions(LOAD, options, { imageShape: true });
  const checkpoint = decodeCheckpoint(source);
  const { network, params, ema, schedule, predictionType, steps, clip } = checkpoint;
  const { classes } = network.config;
  if (ema) disposeParams(params);
  const imageShape = shapeOf(checkpoint, options);
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
    check(
      !(typeof count === "number" && count > steps),
      where,
      `steps to be at most the ${steps} that the model was trained for`,
      count,
    );
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

const LOAD = "loadGenerator";

/** What shape the images have. The weights are freed if nobody says, or if it is none for this network. */
function shapeOf(
  { network, params, ema, imageShape: stored }: DecodedCheckpoint,
  { imageShape: given = stored }: LoadOptions,
): readonly [number, number, number] {
  try {
    if (given === undefined) fail(LOAD, MISSING, "a checkpoint without");
    checkImageShape(given, network.config, LOAD, "imageShape");
    return given;
  } catch (error) {
    disposeParams(ema ?? params);
    throw error;
  }
}

const MISSING =
  "an imageShape, in the checkpoint (encodeCheckpoint stores it) or in the options: { imageShape: [height, width, channels] }";
