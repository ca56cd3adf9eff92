/**
 * What needs Node: files.
 *
 * @packageDocumentation
 */
export { readCifar10 } from "./node/cifar10.js";
export { writeFileAtomic } from "./node/atomic.js";
export { loadCheckpoint, loadNetworkCheckpoint, saveCheckpoint } from "./node/checkpoint.js";
