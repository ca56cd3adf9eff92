/**
 * What needs Node: files.
 *
 * @packageDocumentation
 */
export { readCifar10 } from "./node/cifar10.js";
export { removeTemporaries, writeFileAtomic } from "./node/atomic.js";
export { loadCheckpoint, loadNetworkCheckpoint, saveCheckpoint } from "./node/checkpoint.js";
export { loadDiffusers, saveDiffusers } from "./node/diffusers.js";
export { saveModel, type ModelCard } from "./node/model.js";
