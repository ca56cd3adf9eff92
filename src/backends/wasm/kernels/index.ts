// AssemblyScript, not TypeScript: `npm run build:kernels` compiles this folder to ../kernels.generated.ts. It works in
// the linear memory of the engine, at addresses it is given, and owns no memory. Numbers are float32; sizes named
// bytes are bytes.

export { normaliseRows, weigh, weighBackwards } from "./attention";
export { convolveListed, listRows, pack } from "./convolution";
export { collect, correlate } from "./correlation";
export { copyRows } from "./copy";
export { packRows } from "./transpose";
export { groupNorm, groupNormGradient } from "./group-norm";
export { addRows, repeatRows, sumPixels } from "./pixels";
export { adam, mix, scale, sgd, sumOfSquares } from "./updates";
export { batchNorm, batchNormGradient, channelMoments } from "./batch-norm";
export { convolve } from "./direct";
export { collectPanels, correlatePanels, deal } from "./filter-gradient";
export { packMatrices, packTaps, packTransposed } from "./packing";
export { multiply } from "./products";
export { convolveTiles } from "./winograd";
export { spreadPanels, sumPlaces } from "./winograd-filter-gradient";
export { gatherFilters, packFilters, packTurned } from "./winograd-filters";
