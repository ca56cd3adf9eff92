/**
 * What needs Node: files and worker threads.
 *
 * @packageDocumentation
 */
export { readCifar10 } from "./node/cifar10.js";
export { removeTemporaries, writeFileAtomic } from "./node/atomic.js";
export { loadCheckpoint, loadNetworkCheckpoint, saveCheckpoint } from "./node/checkpoint.js";
export { startWorkers, type ThreadWorker } from "./node/workers.js";
export { loadDiffusers, saveDiffusers } from "./node/diffusers.js";
export { saveModel, type ModelCard } from "./node/model.js";
