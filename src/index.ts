/**
 * Composable primitives for distilling diffusion models into few-step generators.
 *
 * @packageDocumentation
 */
export type {
  Classifier,
  ClassifierOutput,
  Denoiser,
  Grads,
  Labels,
  LossTerms,
  Params,
  PredictionType,
  Times,
  TrainedSchedule,
  Variance,
} from "./types.js";
export { createRng, noise, restoreRng, type Rng, type RngState } from "./rng.js";
export { predict, type Clip, type PredictOptions, type Prediction } from "./prediction/predict.js";

export { logSNR, type AlphaSigma, type NoiseSchedule, type ScheduleConfig } from "./schedules/schedule.js";
export { cosineSchedule, type CosineOptions } from "./schedules/cosine.js";
export { flowSchedule, type FlowOptions, type FlowSchedule } from "./schedules/flow.js";
export { linearSchedule, type LinearOptions } from "./schedules/linear.js";
export { sigmoidSchedule, type SigmoidOptions } from "./schedules/sigmoid.js";
export { discreteCosineSchedule, tableSchedule, type DiscreteCosineOptions } from "./schedules/table.js";
export { scheduleFromConfig } from "./schedules/from-config.js";
export { drawTimes, stepTimes } from "./schedules/times.js";
export {
  consistencyTimes,
  type ConsistencyTimes,
  type ConsistencyTimesOptions,
} from "./schedules/consistency-times.js";
export { addNoise } from "./schedules/coefficients.js";

export { type SamplerGrid, type SamplerOptions, type SamplerStep } from "./samplers/run.js";
export { sampleAncestral, sampleDdim, type AncestralOptions, type DdimOptions } from "./samplers/ddim.js";
export { sampleDpmSolver2M } from "./samplers/dpm-solver.js";
export { sampleConsistency } from "./samplers/consistency.js";
export { sampleHeun } from "./samplers/heun.js";
export { withGuidance } from "./samplers/guidance.js";

export { progressiveTarget, type ProgressiveTargetOptions } from "./targets/progressive-target.js";

export { type Weighting } from "./losses/weighting.js";
export { type PredictionLoss } from "./losses/prediction-error.js";
export { type DistillationInput, type TargetSource } from "./losses/distillation.js";
export { predictionLoss, type PredictionLossOptions } from "./losses/prediction.js";
export { denoisingLoss, type DenoisingLossInput } from "./losses/denoising.js";
export { progressiveLoss, type ProgressiveLossInput } from "./losses/progressive.js";
export { featureDistillationLoss, type FeatureDistillationOptions } from "./losses/feature.js";
export {
  datasetOrientedLoss,
  type DatasetOrientedLoss,
  type DatasetOrientedOptions,
} from "./losses/dataset-oriented.js";
export {
  consistencyLoss,
  type ConsistencyLoss,
  type ConsistencyLossInput,
  type Distance,
} from "./losses/consistency.js";
export {
  scoreDistillationLoss,
  type ScoreDistillationInput,
  type ScoreDistillationLoss,
  type ScoreVariant,
} from "./losses/score-distillation.js";
export { cfdLoss, type CfdLoss, type CfdLossInput } from "./losses/cfd.js";

export type {
  ApplyOptions,
  ClassifierApplyOptions,
  ClassifierNetwork,
  DenoiserInput,
  DenoiserNetwork,
  Network,
  NetworkConfigBase,
} from "./models/network.js";
export { unet, type Unet } from "./models/unet.js";
export { type UnetConfig, type UnetOptions } from "./models/unet-config.js";
export { resnet, type ResNet, type ResNetConfig, type ResNetOptions } from "./models/resnet.js";
export { densenet, type DenseNet, type DenseNetConfig, type DenseNetOptions } from "./models/densenet.js";
export { inception, type Inception, type InceptionConfig } from "./models/inception.js";
export { classifier, denoiser, type ClassifierOptions, type DenoiserOptions } from "./models/denoiser.js";
export { networkFromConfig } from "./models/network-config.js";
export { assignParams, cloneParams, countParameters, disposeParams } from "./models/params.js";
export { untaped, type Tensors } from "./autodiff/untaped.js";
export { recompute, type RecomputeOptions } from "./autodiff/recompute.js";

export { valueAndGrads, type ValueAndGrads } from "./autodiff/value-and-grads.js";
export { accumulateGrads } from "./autodiff/accumulate.js";
export { readTerms } from "./training/read-terms.js";
export { clipByGlobalNorm } from "./training/clip.js";
export { adam, type AdamOptions } from "./training/adam.js";
export { sgd, type SgdOptions } from "./training/sgd.js";
export { type Optimizer, type OptimizerState } from "./training/optimizer.js";
export { cosineAnnealing, linearWarmup, type LearningRate } from "./training/learning-rates.js";
export { emaDecay, updateEma } from "./training/ema.js";

export {
  decodeCheckpoint,
  decodeNetworkCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
  type DecodedCheckpoint,
  type DecodedNetwork,
  type EncodeOptions,
  type NetworkCheckpoint,
} from "./training/checkpoint/checkpoint.js";

export { loadGenerator, type GeneratorSource, type LoadOptions } from "./generator/load.js";
export type { LoadProgress } from "./generator/receive.js";
export type { Generator } from "./generator/generator.js";
export type { DrawOptions, SampleOptions } from "./generator/options.js";
export {
  useBackend,
  type BackendName,
  type BackendOptions,
  type BackendReport,
  type KernelBuild,
  type KernelChange,
} from "./backends/index.js";
export {
  backendReport,
  type Diagnosis,
  type Finding,
  type Findings,
  type OperationReport,
  type Verdict,
} from "./doctor/index.js";
