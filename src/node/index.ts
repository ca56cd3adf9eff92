/**
 * What needs Node: files.
 *
 * @packageDocumentation
 */
export { readCifar10 } from "./cifar10.js";
export { removeTemporaries, writeFileAtomic } from "./atomic.js";
export { loadCheckpoint, loadNetworkCheckpoint, saveCheckpoint } from "./checkpoint.js";
export { loadDiffusers, saveDiffusers } from "./diffusers.js";
export { encodePng } from "./png.js";
export { saveModel, type ModelCard } from "./model.js";
export { readWhole } from "./read-whole.js";
