import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Whether `@tensorflow/tfjs-node` is installed, here or on NODE_PATH. Not for Node 24, for which it is too old. */
export function hasTfjsNode(): boolean {
  try {
    require.resolve("@tensorflow/tfjs-node");
    return true;
  } catch {
    return false;
  }
}

/** Starts its engine, which `useBackend` does not know. */
export function useTfjsNode(): string {
  const tf = require("@tensorflow/tfjs-node") as typeof import("@tensorflow/tfjs");
  return `tfjs-node ${tf.version["tfjs-core"]}, ${tf.getBackend()}`;
}
