/**
 * How good generated images are, measured on a classifier's features.
 *
 * @packageDocumentation
 */
export { gatherFeatures, type Features, type FeatureTensors } from "./features.js";
export { statistics, type FeatureStatistics } from "./statistics.js";
export { statisticsFromNpz, statisticsToNpz } from "./statistics-npz.js";
export { frechetDistance } from "./frechet.js";
export { kernelDistance, type KernelDistance, type KernelDistanceOptions } from "./kernel.js";
export { inceptionScore, type InceptionScore, type InceptionScoreOptions } from "./inception-score.js";
export { precisionRecall, type PrecisionRecall, type PrecisionRecallOptions } from "./precision-recall.js";
