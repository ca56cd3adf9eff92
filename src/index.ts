/**
 * Composable primitives for distilling diffusion models into few-step generators.
 *
 * @packageDocumentation
 */
export type {
  Classifier,
  Denoiser,
  Grads,
  Labels,
  LossTerms,
  Params,
  PredictionType,
  Times,
} from "./types.js";
export { createRng, noise, restoreRng, type Rng, type RngState } from "./rng.js";
export { predict, type Clip, type PredictOptions, type Prediction } from "./prediction.js";

export { logSNR, type NoiseSchedule, type ScheduleConfig } from "./schedules/schedule.js";
export { cosineSchedule, type CosineOptions } from "./schedules/cosine.js";
export { linearSchedule, type LinearOptions } from "./schedules/linear.js";
export { sigmoidSchedule, type SigmoidOptions } from "./schedules/sigmoid.js";
export { discreteCosineSchedule, tableSchedule, type DiscreteCosineOptions } from "./schedules/table.js";
export { scheduleFromConfig } from "./schedules/from-config.js";
export { drawTimes, stepTimes } from "./schedules/times.js";
export { addNoise } from "./schedules/coefficients.js";

export { type SamplerGrid, type SamplerOptions, type SamplerStep } from "./samplers/run.js";
export { sampleAncestral, sampleDdim, type AncestralOptions, type DdimOptions } from "./samplers/ddim.js";
export { sampleDpmSolver2M } from "./samplers/dpm-solver.js";
export { sampleHeun } from "./samplers/heun.js";
export { withGuidance } from "./samplers/guidance.js";

export { progressiveTarget, type ProgressiveTargetOptions } from "./distillation/progressive-target.js";

export { type Weighting } from "./losses/weighting.js";
export { type PredictionLoss } from "./losses/prediction-error.js";
export { type DistillationInput, type TargetSource } from "./losses/distillation.js";
export { denoisingLoss, type DenoisingLossInput } from "./losses/denoising.js";
export { progressiveLoss, type ProgressiveLossInput } from "./losses/progressive.js";
export { featureDistillationLoss, type FeatureDistillationOptions } from "./losses/feature.js";
export {
  datasetOrientedLoss,
  type DatasetOrientedLoss,
  type DatasetOrientedOptions,
} from "./losses/dataset-oriented.js";
export { cfdLoss, type CfdLoss, type CfdLossInput } from "./losses/cfd.js";

export {
  checkImageRange,
  drawBatch,
  imageBatch,
  imageSet,
  type ImageBatch,
  type ImageSet,
} from "./io/image-set.js";
export { cifar10Classes, decodeCifar10 } from "./io/cifar10.js";
export { imageGrid, type ImageGridOptions, type Picture } from "./io/image-grid.js";
