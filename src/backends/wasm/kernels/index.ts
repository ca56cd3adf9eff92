// AssemblyScript, not TypeScript: `npm run build:kernels` compiles this folder to ../kernels.generated.ts. It works in
// the linear memory of the engine, at addresses it is given, and owns no memory. Numbers are float32; sizes named
// bytes are bytes.

export { attend, attendBackwards, attendKeysBackwards, packImages } from "./attention";
export { convolveListed, listPixels, pack, pad } from "./convolution";
export { collect, correlate, deal } from "./correlation";
export { copyRows } from "./copy";
export { packRows } from "./transpose";
export { groupNorm } from "./group-norm";
export { groupNormGradient } from "./group-norm-gradient";
export { addRows, repeatRows, sumChannels, sumRows } from "./pixels";
export { adam, mix, scale, sgd, sumSquares } from "./updates";
export { batchNorm, batchNormGradient, batchNormInputGradient, batchNormScales } from "./batch-norm";
export { gatherFilters, gatherTiles, packSpread, packSpreadTurned, spreadGradients, spreadTiles } from "./winograd";
