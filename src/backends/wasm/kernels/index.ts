// AssemblyScript, not TypeScript: `npm run build:kernels` compiles this folder to ../binaries. It works in
// the linear memory of the engine, at addresses it is given, and owns no memory. Numbers are float32; sizes named
// bytes are bytes. Every kernel computes the units from `first` to `end` of a job (../threads/jobs.ts) in scratch at `room`;
// `plan` is where its caller has written what to do, one of the classes here.

export { attend, attendBackwards, attendKeysBackwards } from "./attention";
export { batchNorm, batchNormGradient, batchNormInputGradient, batchNormScales } from "./batch-norm";
export { copyRows } from "./copy";
export { convolve } from "./direct";
export { clamp, combine, sumPieces } from "./elementwise";
export { collectPanels, correlatePanels, packImages } from "./filter-gradient";
export { groupNorm } from "./group-norm";
export { groupNormGradient } from "./group-norm-gradient";
export { packMatrices, packTaps, packTransposed } from "./packing";
export { addRows, repeatRows, sumChannels, sumRows } from "./pixels";
export { multiply } from "./products";
export { maxPoolGradient, sumSegments } from "./scatter";
export { adam, mix, scale, sgd, sumSquares } from "./updates";
export { convolveTiles, transformRows } from "./winograd";
export { transformPanels, sumPlaces } from "./winograd-filter-gradient";
export { transformFiltersBackwards, packFilters, packTurned } from "./winograd-filters";
export { slide, slideBackwards } from "./window";
