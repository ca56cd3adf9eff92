import type { Tensor4D } from "../tfjs.js";
import { check, checkOptions, fail } from "../check.js";
import { denoiser } from "../models/denoiser.js";
import { disposeParams } from "../models/params.js";
import { checkImageShape } from "../models/unet-config.js";
import { noise } from "../rng.js";
import { sampleDdim } from "../samplers/ddim.js";
import type { DecodedCheckpoint } from "../training/checkpoint/checkpoint.js";
import type { Denoiser } from "../types.js";
import { checkAsked } from "./asked.js";
import { draw } from "./draw.js";
import type { DrawOptions, SampleOptions } from "./options.js";

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
  /** [height, width, channels] of its images: what the options of `loadGenerator` said, or else the checkpoint's. */
  readonly imageShape: readonly [number, number, number];
  /** How many classes its labels may name; absent if it knows none. */
  readonly classes?: number;
  /** What its classes are called, in the order of their labels; absent where the checkpoint does not say. */
  readonly classNames?: readonly string[];
  /** Why the file was not kept, where `cache` was asked for; absent where it was. */
  readonly uncached?: string;
  /** Images [seeds.length, height, width, channels] in [-1, 1]; the caller disposes them. */
  sample(options: SampleOptions): Promise<Tensor4D>;
  /**
   * Draws one image, or a grid of several in rows, edge to edge, on a canvas of a page or a worker, which becomes as large as the
   * picture is. Rejects if the canvas has no 2d context, or where `sample` does; the canvas is as it was then.
   */
  draw(canvas: HTMLCanvasElement | OffscreenCanvas, options: DrawOptions): Promise<void>;
  /** Frees the weights. A sampling under way rejects at its next step. */
  dispose(): void;
}

/** A checkpoint's generator, which owns its weights: they are freed where this throws. */
export function generatorOf(
  checkpoint: DecodedCheckpoint,
  options: { readonly imageShape?: readonly [number, number, number] },
): Generator {
  const { network, params, ema, schedule, predictionType, steps, clip, classNames } = checkpoint;
  const { classes } = network.config;
  if (ema) disposeParams(params);
  const imageShape = shapeOf(checkpoint, options);
  const weights = ema ?? params;
  const known = { ...(classes !== undefined && { classes }), ...(classNames && { classNames }) };
  const facts = { steps, ...known };
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
    checkAsked(where, facts, options);
    const { seeds, shape = imageShape, steps: count = steps, ...others } = options;
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
  const drawOn: Generator["draw"] = (canvas, options) => draw({ imageShape, sample }, canvas, options);
  return { ...facts, imageShape, sample, draw: drawOn, dispose };
}

export const LOAD = "loadGenerator";

/** What shape the images have. The weights are freed if nobody says, or if it is none for this network. */
function shapeOf(
  { network, params, ema, imageShape: stored }: DecodedCheckpoint,
  { imageShape: given = stored }: { readonly imageShape?: readonly [number, number, number] },
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
