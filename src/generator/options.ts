import type { SamplerOptions } from "../samplers/run.js";
import type { Labels } from "../types.js";

/** What `sample` of a generator takes. */
export interface SampleOptions {
  /** One safe integer per image: equal seeds give equal images, in any batch. */
  readonly seeds: readonly number[];
  /** One class per image, -1 for none. */
  readonly labels?: Labels;
  /** Sampling steps, at most those the model was trained for, which are the default. */
  readonly steps?: number;
  /** [height, width, channels]; by default those of the generator. */
  readonly shape?: readonly [number, number, number];
  /** Classifier-free guidance scale; needs labels. */
  readonly guidance?: number;
  /** Called after each step, awaited. */
  readonly onStep?: NonNullable<SamplerOptions["onStep"]>;
  /** Stops the sampling; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What `draw` of a generator takes: what `sample` does, for one image by its `seed` or several by their `seeds`. */
export type DrawOptions = (
  | { readonly seed: number; readonly seeds?: undefined }
  | { readonly seeds: readonly number[]; readonly seed?: undefined }
) & {
  /** The class of all images, -1 for none. */
  readonly label?: number;
  /** One class per image, -1 for none. */
  readonly labels?: Labels;
  /** Images in a row; by default as many as rows. */
  readonly columns?: number;
  /** Sampling steps, at most those the model was trained for, which are the default. */
  readonly steps?: number;
  /** Classifier-free guidance scale; needs labels. */
  readonly guidance?: number;
  /** Called after each step, awaited. */
  readonly onStep?: NonNullable<SampleOptions["onStep"]>;
  /** Stops the drawing, which leaves the canvas as it was; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
};
